// Small aids of the console's pages; everything works without them.
(function () {
  "use strict";

  const REFRESH_MS = 3000;

  // Parts marked data-live are replaced by their newer selves while one of them says that
  // something is still going on (data-live-active).
  async function refresh() {
    if (document.hidden || !document.querySelector("[data-live-active]")) return;
    const answer = await fetch(window.location.href, { credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.querySelectorAll("[data-live]").forEach(function (part) {
      const newer = page.querySelector(`[data-live="${CSS.escape(part.dataset.live)}"]`);
      // Whoever is typing or reading with the keyboard in this part is not disturbed.
      if (newer && !part.contains(document.activeElement) && part.outerHTML !== newer.outerHTML) {
        part.replaceWith(document.importNode(newer, true));
      }
    });
  }

  function keepRefreshing() {
    window.setTimeout(function () {
      refresh().catch(function () {}).finally(keepRefreshing);
    }, REFRESH_MS);
  }

  async function copy(button) {
    const field = document.getElementById(button.dataset.copy);
    const told = document.querySelector("[data-copy-told]");
    field.focus();
    field.select();
    try {
      // The clipboard is closed to pages that are neither https nor on this machine.
      if (navigator.clipboard) await navigator.clipboard.writeText(field.value);
      else if (!document.execCommand("copy")) throw new Error("refused");
      told.textContent = "Copied.";
    } catch {
      told.textContent = "Press Ctrl+C to copy.";
    }
  }

  document.addEventListener("DOMContentLoaded", function () {
    document.addEventListener("click", function (event) {
      const button = event.target.closest("[data-copy]");
      if (button) copy(button);
    });
    document.querySelectorAll("[data-select-all]").forEach(function (field) {
      field.addEventListener("focus", function () { field.select(); });
      field.select();
    });
    // A reload of the page with the new key must not ask for another key.
    document.querySelectorAll("[data-forget-post]").forEach(function (part) {
      window.history.replaceState(null, "", part.dataset.forgetPost);
    });
    // "/" goes to the query; the lists' own search field knows this key already.
    document.addEventListener("keydown", function (event) {
      const field = document.querySelector("[data-slash]");
      const typing = event.target.closest("input, textarea, select, [contenteditable]");
      if (event.key === "/" && field && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        field.focus();
        field.select();
      }
    });
    // The frame's buttons that are links without an address are reached by Tab and Enter too.
    document.querySelectorAll("a:not([href])[x-on\\:click]").forEach(function (link) {
      link.tabIndex = 0;
      link.setAttribute("role", "button");
      link.addEventListener("keydown", function (event) {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        link.click();
      });
    });
    keepRefreshing();
  });
})();
