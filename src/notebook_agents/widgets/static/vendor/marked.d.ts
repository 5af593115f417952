export interface Token { type: string; raw: string; [name: string]: any }
export class Marked {
  constructor(...extensions: object[]);
  lexer(text: string): Token[] & { links: object };
  parser(tokens: Token[]): string;
}
