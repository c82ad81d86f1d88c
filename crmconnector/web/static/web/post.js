// A request that is sent even when the page is left or loaded anew in the same moment.
export const token = () => JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];

export function post(url) {
  const headers = { "X-CSRFToken": token(), "HX-Request": "true" };
  fetch(url, { method: "POST", headers, keepalive: true, redirect: "error" }).catch(() => {}); // the stream says when the server is away
}
