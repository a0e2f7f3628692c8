// The browser of questions. All that comes from documents and models is put on the page as text nodes, never as HTML.
"use strict";
(() => {
  const browser = document.getElementById("browser");
  if (!browser) return;
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const [list, page, count, search] = ["list", "page", "count", "search"].map(at);
  const filters = ["fate", "kind", "length", "votes"].map(at);
  const number = (value) => Number(value).toLocaleString("en");
  const percent = (value) => `${Math.round(value * 100)}%`;
  const words = (name) => name.replaceAll("_", " ");

  // As a recipe writes it: k is 1024, m its square.
  function length(tokens) {
    if (!tokens) return "unknown length";
    const [size, letter] = [[1048576, "m"], [1024, "k"], [1, ""]].find(([unit]) => tokens % unit === 0);
    return `${number(tokens / size)}${letter} tokens`;
  }

  // Characters that steer instead of being seen: control characters, and marks that turn the direction of writing.
  const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

  function put(parent, text) {
    let from = 0;
    for (const match of text.matchAll(UNSEEN)) {
      parent.append(text.slice(from, match.index));
      const code = match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      const label = document.createElement("span");
      label.className = "unseen";
      label.textContent = `U+${code}`;
      parent.append(label);
      from = match.index + match[0].length;
    }
    parent.append(text.slice(from));
    return parent;
  }

  // make("p", "note", "words", node, …): an element with a class and what it holds.
  function make(tag, name, ...children) {
    const element = document.createElement(tag);
    if (name) element.className = name;
    for (const child of children) {
      if (child instanceof Node) element.append(child);
      else if (child !== null && child !== undefined) put(element, String(child));
    }
    return element;
  }

  // Words of a document or a model: their direction of writing is their own.
  function said(tag, name, text) {
    const element = make(tag, name, text);
    element.dir = "auto";
    return element;
  }

  // Filters

  function offer(select, values, label) {
    const counts = new Map();
    for (const value of values) counts.set(value, (counts.get(value) || 0) + 1);
    return (order) => {
      for (const value of [...counts.keys()].sort(order)) {
        const option = make("option", "", `${label(value)} (${number(counts.get(value))})`);
        option.value = value;
        select.append(option);
      }
    };
  }

  function votesOf(question) {
    return question.votes === null ? "none" : String(question.votes);
  }

  function offerFates() {
    for (const [fate, title] of Object.entries(data.fates)) {
      const here = data.questions.filter((question) => question.fate === fate);
      if (!here.length) continue;
      const all = make("option", "", `${title} (${number(here.length)})`);
      all.value = fate;
      filters[0].append(all);
      const reasons = new Map();
      for (const question of here) reasons.set(question.reason, (reasons.get(question.reason) || 0) + 1);
      if (reasons.size === 1 && reasons.has(fate)) continue;
      for (const [reason, n] of [...reasons].sort((a, b) => b[1] - a[1])) {
        const option = make("option", "", `\u00a0\u00a0${words(reason)} (${number(n)})`);
        option.value = `${fate}/${reason}`;
        filters[0].append(option);
      }
    }
  }

  function offerAll() {
    offerFates();
    offer(filters[1], data.questions.map((question) => question.kind), words)();
    offer(filters[2], data.questions.map((question) => String(question.target)), (value) => length(Number(value)))((a, b) => a - b);
    const label = (value) => (value === "none" ? "no traces" : `${value} of ${data.samples} agree`);
    const rank = (value) => (value === "none" ? -1 : Number(value));
    offer(filters[3], data.questions.map(votesOf), label)((a, b) => rank(b) - rank(a));
  }

  function haystack(question) {
    if (!question.hay) {
      const titles = question.evidence.flatMap((quote) => [quote.title, quote.quote]);
      const answers = question.traces.map((trace) => trace.answer || "");
      const own = [question.id, question.question, question.answer, question.reason, question.context];
      question.hay = [...own, ...question.aliases, ...titles, ...answers].join("\n").toLowerCase();
    }
    return question.hay;
  }

  function fits(question) {
    const [fate, kind, target, votes] = filters.map((select) => select.value);
    if (fate && fate !== question.fate && fate !== `${question.fate}/${question.reason}`) return false;
    if (kind && kind !== question.kind) return false;
    if (target && target !== String(question.target)) return false;
    if (votes && votes !== votesOf(question)) return false;
    const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    return asked.every((word) => haystack(question).includes(word));
  }

  // The list

  let found = [];
  let current = -1;

  function entry(question) {
    const head = make("div", "entry-head", make("span", `dot ${question.fate}`), make("span", "", words(question.reason)));
    head.append(make("span", "", words(question.kind)), make("span", "", length(question.target)));
    if (question.votes !== null) head.append(make("span", "votes", `${question.votes}/${data.samples}`));
    const item = make("li", "entry", head, said("div", "entry-text", [...question.question.slice(0, 480)].slice(0, 240).join("")));
    item.dataset.id = question.id;
    return item;
  }

  function filter() {
    const before = found[current];
    found = data.questions.filter(fits);
    list.replaceChildren(...found.map(entry));
    if (!found.length) list.append(make("li", "none", "No question fits. Clear the search or a filter."));
    count.textContent = `${number(found.length)} ${found.length === 1 ? "question" : "questions"}`;
    list.scrollTop = 0;
    select(Math.max(0, found.indexOf(before)), { scroll: false });
  }

  function select(index, { scroll = true } = {}) {
    if (list.children[current]) list.children[current].removeAttribute("aria-current");
    current = found.length ? Math.min(Math.max(index, 0), found.length - 1) : -1;
    page.scrollTop = 0;
    if (current < 0) {
      page.replaceChildren(make("p", "none", "Nothing to read here."));
      return;
    }
    const item = list.children[current];
    item.setAttribute("aria-current", "true");
    if (scroll) item.scrollIntoView({ block: "nearest" });
    show(found[current]);
  }

  function link(id) {
    try {
      history.replaceState(null, "", `#${id}`);
    } catch {
      // Within a frame, such as a notebook's, a page may have no address of its own.
    }
  }

  function read(on) {
    document.body.classList.toggle("reading", on);
    if (on) {
      page.focus({ preventScroll: true });
      if (matchMedia("(max-width: 860px)").matches) page.scrollIntoView({ block: "start" });
      if (found[current]) link(found[current].id);
    } else {
      list.focus({ preventScroll: true });
      if (list.children[current]) list.children[current].scrollIntoView({ block: "nearest" });
    }
  }

  // One question

  function show(question) {
    const back = make("button", "back", "← All questions");
    back.type = "button";
    back.addEventListener("click", () => read(false));
    const parts = [back, ...headOf(question), ...stepsOf(question), ...checksOf(question), ...tracesOf(question)];
    page.replaceChildren(...parts, ...contextOf(question));
  }

  function headOf(question) {
    const fate = question.fate === question.reason ? "" : `: ${words(question.reason)}`;
    const title = { example: "Example", waiting: "Not finished yet" }[question.fate] || data.fates[question.fate];
    const head = make("p", "facts", make("span", `badge ${question.fate}`, `${title}${fate}`));
    const votes = question.votes === null ? "not sampled" : `${question.votes} of ${data.samples} traces agree`;
    for (const fact of [words(question.kind), length(question.target), votes]) head.append(make("span", "", fact));
    head.append(make("code", "", question.id));
    const out = [head, said("h3", "question", question.question)];
    const answer = make("p", "reference", make("span", "label", `Answer (${words(question.answer_type)})`));
    answer.append(said("b", "", question.answer));
    if (question.aliases.length) answer.append(said("span", "also", `also ${question.aliases.join(", ")}`));
    out.push(answer);
    if (question.detail) out.push(said("p", "why", question.detail));
    return out;
  }

  function passageOf(quote) {
    const box = make("blockquote", quote.found ? "evidence" : "evidence missing");
    const head = make("p", "where");
    if (quote.found) {
      head.append(said("b", "", quote.title), make("span", "", quote.kind));
      const track = make("span", "track", make("i", ""));
      track.firstChild.style.left = `${quote.depth * 100}%`;
      head.append(make("span", "place", track, `at ${percent(quote.depth)} of the context`));
      if (quote.score < 1) head.append(make("span", "", `likeness ${percent(quote.score)}`));
    } else head.append(make("span", "", "This quote was not found in the context."));
    const text = make("p", quote.kind === "code" ? "passage source" : "passage", quote.before ? `… ${quote.before}` : "", make("mark", "", quote.quote));
    text.append(make("span", "", quote.after ? `${quote.after} …` : ""));
    text.dir = "auto";
    box.append(head, text);
    return box;
  }

  function stepsOf(question) {
    const steps = make("ol", "steps");
    const used = new Set();
    question.steps.forEach((step, place) => {
      const item = make("li", "", make("span", "n", place), said("span", "asked", step.question), said("b", "", step.answer));
      if (step.uses.length) item.append(" ", make("span", "uses", `uses ${step.uses.map((use) => `step ${use}`).join(", ")}`));
      for (const index of step.evidence) {
        if (used.has(index) || !question.evidence[index]) continue;
        used.add(index);
        item.append(passageOf(question.evidence[index]));
      }
      steps.append(item);
    });
    const out = [make("h4", "", "Steps and evidence"), steps];
    question.evidence.forEach((quote, index) => used.has(index) || out.push(passageOf(quote)));
    if (!question.evidence.length) out.push(make("p", "none", "This question has no evidence."));
    return out;
  }

  function checksOf(question) {
    if (!question.checks.length) return [make("h4", "", "Checks"), make("p", "none", "No checks ran.")];
    const checks = make("ul", "checks");
    for (const check of question.checks) {
      const item = make("li", `${check.passed ? "passed" : "failed"}${check.detail ? " told" : ""}`, make("span", "mark", check.passed ? "✓" : "✕"));
      item.append(make("span", "", words(check.name)));
      if (check.detail) item.append(said("span", "detail", check.detail));
      checks.append(item);
    }
    return [make("h4", "", "Checks"), checks];
  }

  function verdictOf(trace) {
    if (!trace.scored) return "not scored";
    if (!trace.valid) return `no valid answer (${words(trace.finish)})`;
    const judge = { true: ", judged equal", false: ", judged different" }[trace.judge] || "";
    const failed = trace.judge_failed ? `, judge ${words(trace.judge_failed)}` : "";
    return `${trace.exact ? "exact match" : "no exact match"}${judge}${failed}, cites ${percent(trace.cited || 0)}`;
  }

  function traceOf(trace) {
    const box = make("details", trace.chosen ? "trace chosen" : "trace");
    const head = make("summary", "", said("span", "given", trace.answer === null ? "no answer" : trace.answer));
    if (trace.chosen) head.append(make("span", "badge example", "chosen"));
    head.append(make("span", "tokens", `${number(trace.tokens)} tokens`), make("span", "", verdictOf(trace)));
    head.append(make("span", "", `sample ${trace.sample}`));
    box.append(head, said("pre", "reasoning", trace.reasoning || "(no reasoning)"), said("pre", "", trace.content));
    box.open = trace.chosen;
    return box;
  }

  function tracesOf(question) {
    const out = [make("h4", "", "Traces by answer")];
    if (!question.traces.length) {
      out.push(make("p", "none", question.fate === "check" ? "None were sampled: a check rejected the question first." : "None yet."));
    }
    const groups = new Map();
    for (const trace of question.traces) groups.set(trace.group, [...(groups.get(trace.group) || []), trace]);
    for (const [group, traces] of groups) {
      const n = `${traces.length} ${traces.length === 1 ? "trace" : "traces"}`;
      const title = group === null ? (traces[0].scored ? "Without a valid answer" : "Not scored yet") : `Answer group ${group}`;
      out.push(make("h5", "", `${title} · ${n}`), ...traces.map(traceOf));
    }
    return out;
  }

  function contextOf(question) {
    const context = data.contexts[question.context];
    if (!context) return [make("h4", "", "Context"), make("p", "none", "This context is not built.")];
    const items = context.documents.map(([title, kind, tokens]) =>
      make("li", "", said("span", "", title), make("span", "more", `${kind}, ${number(tokens)} tokens`)));
    if (context.more) items.push(make("li", "none", `and ${number(context.more)} more`));
    const n = context.documents.length + context.more;
    const about = `${number(context.tokens)} tokens, ${number(n)} documents, split ${context.split}`;
    return [make("h4", "", "Context"), make("p", "facts", make("span", "", about), make("code", "", question.context)), make("ul", "documents", ...items)];
  }

  // Hands

  at("filters").addEventListener("submit", (event) => {
    event.preventDefault();
    if (found.length) read(true);
  });
  search.addEventListener("input", filter);
  for (const select of filters) select.addEventListener("change", filter);
  list.addEventListener("click", (event) => {
    const item = event.target.closest("li.entry");
    if (!item || String(getSelection())) return;
    select([...list.children].indexOf(item));
    read(true);
  });

  const keys = {
    j: () => select(current + 1),
    k: () => select(current - 1),
    ArrowDown: () => select(current + 1),
    ArrowUp: () => select(current - 1),
    Enter: () => read(true),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const inField = event.target.matches("input, select, textarea");
    if (event.key === "Escape") {
      if (event.target === search && search.value) {
        search.value = "";
        filter();
      } else read(false);
    } else if (inField) {
      if (event.target === search && event.key === "ArrowDown") list.focus();
      else return;
    } else if (event.key === "/") {
      search.focus();
      search.select();
    } else if (event.key.startsWith("Arrow") || event.key === "Enter") {
      if (event.target !== list) return; // elsewhere they scroll, and open what has the focus
      keys[event.key]?.();
    } else if (Object.hasOwn(keys, event.key)) keys[event.key]();
    else return;
    event.preventDefault();
  });

  function openLinked() {
    const wanted = location.hash.slice(1);
    const index = wanted ? found.findIndex((question) => question.id === wanted) : -1;
    if (index >= 0) {
      select(index);
      browser.scrollIntoView();
      read(true);
    }
  }

  offerAll();
  filter();
  openLinked();
  addEventListener("hashchange", openLinked);
})();
