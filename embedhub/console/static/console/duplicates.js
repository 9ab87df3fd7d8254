// Deciding by keyboard: a key presses the button, or follows the link, that says so.
(function () {
  "use strict";

  const keyed = new Map();
  document.querySelectorAll("[data-key]").forEach(function (one) {
    keyed.set(one.dataset.key.toLowerCase(), one);
  });
  let isSent = false;
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    const one = keyed.get(event.key.toLowerCase());
    if (!one || isSent) return;
    isSent = true;
    event.preventDefault();
    one.click();
  });
})();
