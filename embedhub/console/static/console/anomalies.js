// Deciding by keyboard: every decision is stored at once, and can be taken back. Without this
// script the buttons post their forms.
(function () {
  "use strict";

  const list = document.querySelector("[data-deciding]");
  if (!list) return;
  const flags = Array.from(list.querySelectorAll("[data-flag]"));
  const told = document.querySelector("[data-told]");
  const done = []; // decided flags, newest last
  const LABELS = { open: ["open", "info"], confirmed: ["confirmed", "good"], dismissed: ["dismissed", "quiet"] };
  let at = -1;

  function tell(text, isWell) {
    told.textContent = text;
    told.className = isWell ? "eh-row" : "eh-note eh-note-bad";
  }

  function go(place) {
    if (place < 0 || place >= flags.length) return;
    at = place;
    flags[at].focus({ preventScroll: true });
    flags[at].scrollIntoView({ block: "nearest" });
  }

  function show(flag, found) {
    const form = flag.querySelector("form");
    const label = document.createElement("span");
    const [text, tone] = LABELS[found.status];
    label.className = "eh-label eh-" + tone;
    label.textContent = text;
    flag.querySelector("[data-status]").replaceChildren(label);
    form.elements.seen.value = found.seen === null ? "" : found.seen;
    form.querySelector("[data-decided]").textContent = found.words;
    form.querySelectorAll("button").forEach(function (button) {
      button.hidden = (button.value === "undo") === (found.seen === null);
    });
  }

  async function decide(flag, decision) {
    const form = flag.querySelector("form");
    if (!form) return;
    const body = new FormData(form);
    body.set("decision", decision);
    tell("Storing…", true);
    try {
      const answer = await fetch(list.dataset.url, {
        method: "POST",
        body: body,
        credentials: "same-origin",
        keepalive: true,
        headers: { "X-Requested-With": "fetch" },
      });
      const found = await answer.json();
      if (!answer.ok) throw new Error(found.error);
      show(flag, found);
      if (decision === "undo") done.splice(done.indexOf(flag), done.includes(flag) ? 1 : 0);
      else done.push(flag);
      tell(decision === "undo" ? "Taken back." : "Stored. U takes it back.", true);
    } catch (error) {
      tell(`Not stored: ${error.message || "the server does not answer"}.`, false);
    }
  }

  list.addEventListener("submit", function (event) {
    event.preventDefault();
    const flag = event.target.closest("[data-flag]");
    at = flags.indexOf(flag);
    decide(flag, event.submitter.value);
  });
  flags.forEach(function (flag, place) {
    flag.addEventListener("focusin", function () { at = place; });
  });

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const key = event.key.toLowerCase();
    const decision = { a: "accept", c: "confirm" }[key];
    if (key === "arrowdown" || key === "j") go(at + 1);
    else if (key === "arrowup" || key === "k") go(at - 1);
    else if (decision) {
      if (at < 0) at = 0;
      decide(flags[at], decision);
      go(at + 1);
    } else if (key === "u") {
      const flag = done[done.length - 1] || flags[at];
      if (!flag) return;
      decide(flag, "undo");
      go(flags.indexOf(flag));
    } else return;
    event.preventDefault();
  });
  if (!window.location.hash) go(0);
})();
