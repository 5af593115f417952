interface Purifier {
  sanitize(html: string, options: object): DocumentFragment;
  addHook(name: string, hook: (node: Element, event: any) => void): void;
}
declare const createPurifier: Purifier & ((window: Window) => Purifier);
export default createPurifier;
