// Deciding by keyboard: every answer is stored at once, and can be taken back. Without this script
// the buttons post their forms.
(function () {
  "use strict";

  const list = document.querySelector("[data-deciding]");
  if (!list) return;
  const cards = Array.from(list.querySelectorAll("[data-card]"));
  const told = document.querySelector("[data-told]");
  const count = document.querySelector("[data-count]");
  const done = []; // [card, the choice before], newest last
  const waiting = []; // [card, choice, other]
  let isSending = false;
  let at = -1;

  function tell(text, isWell) {
    told.textContent = text;
    told.className = isWell ? "eh-row" : "eh-note eh-note-bad";
  }

  function show(card, choice) {
    if (choice) card.dataset.grade = choice;
    else delete card.dataset.grade;
    card.querySelectorAll(".eh-grade").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.value === choice));
    });
    card.querySelector(".eh-take-back").hidden = !choice;
  }

  function go(place) {
    if (place < 0 || place >= cards.length) return;
    at = place;
    cards[at].focus({ preventScroll: true });
    cards[at].scrollIntoView({ block: "nearest" });
  }

  function store(card, choice) {
    show(card, choice);
    const other = card.querySelector("[name=other]");
    waiting.push([card, choice, other ? other.value : ""]);
    tell("Storing…", true);
    if (!isSending) sendAll();
  }

  async function sendAll() {
    isSending = true;
    while (waiting.length) await send(...waiting.shift());
    isSending = false;
  }

  // What a card has been seen to have goes along, so that nobody's other answer is lost unseen.
  async function send(card, choice, other) {
    const form = card.querySelector("form");
    const body = new FormData(form);
    body.set("choice", choice);
    body.set("other", other);
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
      form.elements.seen.value = found.seen === null ? "" : found.seen;
      card.dataset.stored = found.choice;
      if (count) count.textContent = found.n;
      if (!waiting.length) tell(found.told, true);
    } catch (error) {
      show(card, card.dataset.stored || "");
      tell(`Not stored: ${error.message || "the server does not answer"}.`, false);
    }
  }

  function decide(card, choice) {
    done.push([card, card.dataset.grade || ""]);
    store(card, choice);
  }

  function undo() {
    const step = done.pop();
    if (!step) return;
    store(step[0], step[1]);
    go(cards.indexOf(step[0]));
  }

  list.addEventListener("submit", function (event) {
    event.preventDefault();
    const card = event.target.closest("[data-card]");
    at = cards.indexOf(card);
    decide(card, event.submitter.value);
  });
  cards.forEach(function (card, place) {
    card.addEventListener("focusin", function () { at = place; });
  });

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const key = event.key.toLowerCase();
    if (key === "arrowdown" || key === "j") go(at + 1);
    else if (key === "arrowup" || key === "k") go(at - 1);
    else if (key === "u") undo();
    else {
      const place = Math.max(at, 0);
      const button = /^[0-9a-z]$/.test(key) && cards[place].querySelector(`[data-key="${key}"]`);
      if (!button) return;
      decide(cards[place], button.value);
      go(place + 1);
    }
    event.preventDefault();
  });
  if (!window.location.hash) go(0);
})();
