// Judging by keyboard: every grade is stored at once, and can be undone. Without this script the
// buttons post their forms.
(function () {
  "use strict";

  const list = document.querySelector("[data-judging]");
  if (!list) return;
  const hits = Array.from(list.querySelectorAll("[data-hit]"));
  const told = document.querySelector("[data-judging-told]");
  const done = []; // [hit, the grade before], newest last
  let at = -1;

  function gradeOf(hit) {
    return hit.dataset.grade === undefined ? "" : hit.dataset.grade;
  }

  function show(hit, grade) {
    if (grade === "") delete hit.dataset.grade;
    else hit.dataset.grade = grade;
    hit.querySelectorAll(".eh-grade").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.value === grade));
    });
    hit.querySelector(".eh-take-back").hidden = grade === "";
  }

  function go(place) {
    if (place < 0 || place >= hits.length) return;
    at = place;
    hits[at].focus({ preventScroll: true });
    hits[at].scrollIntoView({ block: "nearest" });
  }

  // Grades are sent one after the other: the later one of a hit wins, and the count of queries
  // told is the newest. Whoever leaves the page takes along what is not sent yet.
  const waiting = []; // [hit, grade, body]
  let isSending = false;
  function store(hit, grade) {
    show(hit, grade);
    const body = new FormData(hit.querySelector("form"));
    body.set("relevance", grade);
    waiting.push([hit, grade, body]);
    tell("Storing…", true);
    if (!isSending) sendAll();
  }

  async function sendAll() {
    isSending = true;
    while (waiting.length) await send(...waiting.shift());
    isSending = false;
  }

  function tell(text, isWell) {
    told.textContent = text;
    told.className = isWell ? "eh-row" : "eh-note eh-note-bad";
  }

  async function send(hit, grade, body) {
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
      hit.dataset.stored = grade;
      document.querySelector("[data-judged-queries]").textContent = found.n_queries;
      document.querySelector("[data-judged-words]").textContent =
        found.n_queries === 1 ? "query" : "queries";
      const n = hits.filter(function (one) { return (one.dataset.stored || "") !== ""; }).length;
      if (!waiting.length) tell(`Stored. ${n} of ${hits.length} hits judged.`, true);
    } catch (error) {
      show(hit, hit.dataset.stored || "");
      tell(`Not stored: ${error.message || "the server does not answer"}.`, false);
    }
  }

  window.addEventListener("pagehide", function () {
    waiting.splice(0).forEach(function (one) { navigator.sendBeacon(list.dataset.url, one[2]); });
  });

  function judge(hit, grade) {
    done.push([hit, gradeOf(hit)]);
    store(hit, grade);
  }

  function undo() {
    const step = done.pop();
    if (!step) return;
    store(step[0], step[1]);
    go(hits.indexOf(step[0]));
  }

  list.addEventListener("submit", function (event) {
    event.preventDefault();
    const hit = event.target.closest("[data-hit]");
    at = hits.indexOf(hit);
    judge(hit, event.submitter.value);
  });
  hits.forEach(function (hit, place) {
    hit.dataset.stored = gradeOf(hit);
    hit.addEventListener("focusin", function () { at = place; });
  });

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const key = event.key.toLowerCase();
    const next = document.querySelector("[data-next-query]");
    if (key === "arrowdown" || key === "j") go(at + 1);
    else if (key === "arrowup" || key === "k") go(at - 1);
    else if (key === "u") undo();
    else if (key === "n" && next) next.click();
    else if (/^[0-3]$/.test(key)) {
      if (at < 0) at = 0;
      judge(hits[at], key);
      go(at + 1);
    } else return;
    event.preventDefault();
  });
  if (!window.location.hash) go(0);
})();
