// The preview beside a rule's form follows what is typed; without scripts a button does.
(function () {
  "use strict";

  const WAIT_MS = 350;

  document.addEventListener("DOMContentLoaded", function () {
    const form = document.querySelector("form[data-preview]");
    const place = document.getElementById("rule-preview");
    if (!form || !place) return;
    let timer = null;
    let asked = 0;

    async function refresh() {
      const number = ++asked;
      const body = new FormData(form);
      body.set("preview", "yes");
      const answer = await fetch(window.location.href, {
        method: "POST",
        body: body,
        credentials: "same-origin",
        headers: { "X-Part": "preview" },
      });
      // An answer to what was typed before comes too late.
      if (answer.ok && !answer.redirected && number === asked) place.innerHTML = await answer.text();
    }

    // The user's field is the form's too, but stands beside it.
    document.addEventListener("input", function (event) {
      if (event.target.form !== form) return;
      window.clearTimeout(timer);
      timer = window.setTimeout(function () { refresh().catch(function () {}); }, WAIT_MS);
    });
  });
})();
