// Sending files one by one with a progress bar each, whole folders too, chosen or dropped. Without
// this script the form posts a few files at once.
(function () {
  "use strict";

  const form = document.querySelector("[data-upload]");
  if (!form) return;
  const AT_ONCE = 2;
  const ASKED_AT_ONCE = 100;
  const POLL_MS = 1000;
  const rows = document.querySelector("[data-upload-rows]");
  const list = document.querySelector("[data-upload-list]");
  const told = document.querySelector("[data-upload-told]");
  const send = form.querySelector("[data-send]");
  const stop = form.querySelector("[data-stop]");
  const clear = form.querySelector("[data-clear]");
  const drop = form.querySelector("[data-drop]");
  const maxBytes = Number(form.dataset.maxBytes);
  // state: ready, sending, sent (and read by a run), done, failed (read without success), refused
  // (not taken: may be sent again), too_large
  const files = new Map(); // by name
  const under_way = new Set(); // requests
  let n_hidden = 0;
  let is_sending = false;
  let is_polling = false;

  function sizeOf(bytes) {
    if (bytes < 1000) return `${bytes} ${bytes === 1 ? "byte" : "bytes"}`;
    let amount = bytes;
    for (const unit of ["kB", "MB", "GB"]) {
      amount /= 1000;
      if (amount < 999.5 || unit === "GB") {
        return `${amount >= 10 ? amount.toFixed(0) : amount.toFixed(1)} ${unit}`;
      }
    }
  }

  function plural(count, one, many) {
    return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
  }

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function say(entry, tone, state, words) {
    entry.cell.replaceChildren(element("span", `eh-label eh-${tone}`, state), ` ${words || ""}`);
  }

  function sayProgress(entry, part) {
    const percent = Math.floor(part * 100);
    const bar = element("span", "eh-bar");
    bar.setAttribute("role", "progressbar");
    bar.setAttribute("aria-valuemin", "0");
    bar.setAttribute("aria-valuemax", "100");
    bar.setAttribute("aria-valuenow", String(percent));
    bar.setAttribute("aria-label", `${entry.name} sent`);
    const fill = element("span", "eh-fill");
    fill.style.width = `${percent}%`;
    bar.append(fill);
    entry.cell.replaceChildren(bar, ` ${percent}%`);
  }

  function count(...states) {
    return [...files.values()].filter((one) => states.includes(one.state)).length;
  }

  function summarise() {
    const n_ready = count("ready", "refused");
    const parts = [
      [n_ready - count("refused"), "ready"],
      [count("sending"), "being sent"],
      [count("sent"), "waiting or being read"],
      [count("done"), "read"],
      [count("failed"), "could not be read"],
      [count("refused", "too_large"), "not taken"],
    ].filter((part) => part[0]).map((part) => `${part[0].toLocaleString("en")} ${part[1]}`);
    const hidden = n_hidden ? ` Left out: ${plural(n_hidden, "hidden file", "hidden files")}.` : "";
    told.textContent = files.size
      ? `${plural(files.size, "file", "files")}: ${parts.join(", ")}.${hidden}` : hidden;
    list.hidden = !files.size;
    send.hidden = is_sending;
    send.disabled = !n_ready;
    const bytes = [...files.values()].filter((one) => ["ready", "refused"].includes(one.state))
      .reduce((sum, one) => sum + one.file.size, 0);
    send.textContent = n_ready
      ? `Send ${plural(n_ready, "file", "files")} (${sizeOf(bytes)})` : "Send";
    stop.hidden = !is_sending;
    clear.hidden = is_sending || !files.size;
  }

  function add(name, file) {
    if (name.split("/").some((part) => part.startsWith("."))) {
      n_hidden += 1;
      return;
    }
    const known = files.get(name);
    if (known && known.state === "sending") return;
    const row = known ? known.row : element("tr");
    const entry = { name: name, file: file, row: row, state: "ready", id: null };
    entry.cell = element("td");
    row.replaceChildren(element("td", "", name), element("td", "eh-nowrap", sizeOf(file.size)), entry.cell);
    if (!known) rows.append(row);
    files.set(name, entry);
    if (file.size > maxBytes) {
      entry.state = "too_large";
      say(entry, "bad", "not taken", `larger than ${form.dataset.maxSize}, which is the most`);
    } else {
      say(entry, "quiet", "ready", "");
    }
  }

  function added() {
    summarise();
    if (!send.disabled && !send.hidden) send.focus();
  }

  async function addEntry(entry) {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      add(entry.fullPath.replace(/^\//, ""), file);
      return;
    }
    if (entry.name.startsWith(".")) {
      n_hidden += 1;
      return;
    }
    const reader = entry.createReader();
    const all = [];
    // A folder is told in parts, the last of which is empty.
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) break;
      all.push(...some);
    }
    all.sort((one, other) => (one.name < other.name ? -1 : 1));
    for (const one of all) await addEntry(one);
  }

  async function addDropped(transfer) {
    // All of them first: what was dropped is gone after the first pause.
    const entries = [...transfer.items].filter((item) => item.kind === "file")
      .map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry());
    const plain = [...transfer.files];
    for (const [place, entry] of entries.entries()) {
      try {
        if (entry) await addEntry(entry);
        else if (plain[place]) add(plain[place].name, plain[place]);
      } catch {
        n_hidden += 1;
      }
    }
    added();
  }

  function settle(entry, item) {
    entry.id = item.id;
    entry.state = item.id === null ? "refused" : !item.is_final ? "sent"
      : item.tone === "bad" ? "failed" : "done";
    if (item.url) {
      const link = element("a", "eh-link", entry.name);
      link.href = item.url;
      entry.row.firstChild.replaceChildren(link);
    }
    say(entry, item.tone, item.state, item.told);
    // What needs a hand is not looked for among hundreds.
    if (item.tone === "bad") rows.prepend(entry.row);
  }

  function refuse(entry, words) {
    entry.state = "refused";
    say(entry, "bad", "not sent", words);
    rows.prepend(entry.row);
  }

  function reasonOf(request) {
    let answer = null;
    try {
      answer = JSON.parse(request.responseText);
    } catch {
      if (request.status === 200 || request.status === 403) {
        return "you are no longer logged in, or may not: reload this page";
      }
      return request.status ? `the server answered ${request.status}` : "the connection broke off";
    }
    if (answer.detail) return answer.detail;
    return Object.values(answer.errors || {}).flat().join(" ") || "it was refused";
  }

  function sendOne(entry) {
    return new Promise(function (resolve) {
      const body = new FormData();
      new FormData(form).forEach(function (value, name) {
        if (name !== "file") body.append(name, value);
      });
      body.append("external_id", entry.name);
      body.append("file", entry.file, entry.name.split("/").pop());
      const request = new XMLHttpRequest();
      under_way.add(request);
      entry.state = "sending";
      sayProgress(entry, 0);
      request.upload.addEventListener("progress", function (event) {
        if (event.lengthComputable) sayProgress(entry, event.loaded / event.total);
      });
      request.addEventListener("loadend", function () {
        under_way.delete(request);
        let item = null;
        if (request.status === 200) {
          try {
            item = JSON.parse(request.responseText).items[0];
          } catch {
            // No answer of ours, such as the page to log in.
          }
        }
        if (item) settle(entry, item);
        else refuse(entry, request.was_stopped ? "stopped" : reasonOf(request));
        summarise();
        resolve();
      });
      request.open("POST", window.location.href);
      request.setRequestHeader("X-Requested-With", "fetch");
      request.send(body);
    });
  }

  async function sendAll() {
    is_sending = true;
    const waiting = [...files.values()].filter((one) => ["ready", "refused"].includes(one.state));
    summarise();
    stop.focus();
    async function work() {
      while (is_sending && waiting.length) await sendOne(waiting.shift());
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    is_sending = false;
    summarise();
    if (!send.disabled) send.focus();
  }

  // While files are read, their states are asked for: of all at once, in groups.
  async function poll() {
    if (is_polling || document.hidden) return;
    is_polling = true;
    try {
      const asked = [...files.values()].filter((one) => one.state === "sent").slice(0, ASKED_AT_ONCE);
      if (asked.length) {
        const url = new URL(form.dataset.statusUrl, window.location.href);
        url.searchParams.set("collection", form.elements.collection.value);
        url.searchParams.set("ids", asked.map((one) => one.id).join(","));
        const answer = await fetch(url, { headers: { "X-Requested-With": "fetch" } });
        if (answer.ok && !answer.redirected) {
          const items = new Map((await answer.json()).items.map((item) => [item.id, item]));
          asked.forEach(function (entry) {
            const item = items.get(entry.id);
            if (item) settle(entry, item);
            else refuse(entry, "it was deleted meanwhile");
          });
          summarise();
        }
      }
    } catch {
      // The next time.
    }
    is_polling = false;
  }

  form.classList.add("eh-scripted");
  form.querySelector("[data-folder]").hidden = false;
  form.querySelector("[data-drop-words]").hidden = false;
  // On the way down: the frame's own listener looks for a field that is not here.
  drop.addEventListener("change", function (event) {
    const field = event.target;
    event.stopPropagation();
    const chosen = [...field.files].map((file) => [file.webkitRelativePath || file.name, file]);
    // A browser tells the files of a folder in any order.
    chosen.sort((one, other) => (one[0] < other[0] ? -1 : 1));
    chosen.forEach((one) => add(one[0], one[1]));
    // The list holds them; choosing the same again is a change then.
    field.value = "";
    added();
  }, true);
  ["dragenter", "dragover"].forEach(function (name) {
    drop.addEventListener(name, function (event) {
      event.preventDefault();
      drop.classList.add("eh-over");
    });
  });
  ["dragleave", "drop"].forEach(function (name) {
    drop.addEventListener(name, function (event) {
      if (name === "drop" || !drop.contains(event.relatedTarget)) drop.classList.remove("eh-over");
    });
  });
  drop.addEventListener("drop", function (event) {
    event.preventDefault();
    addDropped(event.dataTransfer);
  });
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    if (!is_sending) sendAll();
  });
  stop.addEventListener("click", function () {
    is_sending = false;
    under_way.forEach(function (request) {
      request.was_stopped = true;
      request.abort();
    });
  });
  clear.addEventListener("click", function () {
    files.clear();
    n_hidden = 0;
    rows.replaceChildren();
    summarise();
  });
  window.addEventListener("beforeunload", function (event) {
    if (is_sending) event.preventDefault();
  });
  window.setInterval(poll, POLL_MS);
  rows.replaceChildren();
  summarise();
})();
