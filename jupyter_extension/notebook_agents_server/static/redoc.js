/* Shows the document that the page names, with ReDoc. */
const place = document.getElementById("api");
window.Redoc.init(place.dataset.document, { hideDownloadButton: false, nativeScrollbars: true }, place);
