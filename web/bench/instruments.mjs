/** What is measured inside a page. `install` is put into each page before its own script, as a text: it imports nothing. */

/* global document, performance, window, IntersectionObserver, MutationObserver, PerformanceObserver, MessageChannel */
export function install(isRoom) {
  if (window.bench !== undefined) return;

  /** Calls back right after the frame that is under way has been rendered: its script, style, layout and paint. */
  function afterFrame(tell) {
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => tell(performance.now());
      port2.postMessage(0);
    });
  }

  function isSeen(element) {
    const log = element.closest("[role=log]");
    if (log === null || !element.checkVisibility({ visibilityProperty: true })) return false;
    const box = element.getBoundingClientRect();
    const frame = log.getBoundingClientRect();
    return box.height > 0 && box.bottom > frame.top && box.top < frame.bottom;
  }

  /** The end of the first frame in which an element that `find` returns is in its list and in sight. */
  function seen(find) {
    return new Promise((answer) => {
      const look = () => {
        const element = find();
        if (element instanceof Element && isSeen(element)) answer(performance.now());
        else afterFrame(look);
      };
      afterFrame(look);
    });
  }

  const presented = new Map();
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) presented.get(entry.identifier)?.(entry.renderTime);
  }).observe({ type: "element", buffered: true });

  // Of what takes less the browser tells nothing.
  const LEAST_TOLD_MS = 16;
  /** When the first frame after a key was on the screen, to 8 ms, by the time of the key's event. */
  const framesOfKeys = new Map();
  new PerformanceObserver((list) => {
    for (const { name, startTime, duration } of list.getEntries()) {
      if (name === "keydown") framesOfKeys.set(startTime, startTime + duration);
    }
  }).observe({ type: "event", durationThreshold: LEAST_TOLD_MS, buffered: true });

  function innermost(element, words) {
    const inner = [...element.children].find((child) => child.textContent.includes(words));
    return inner === undefined ? element : innermost(inner, words);
  }

  const last = { key: 0, click: 0, secondFrame: 0 };
  const heard = (event) => {
    if (event.type === "click") last.click = event.timeStamp;
    else if (event.key === "Enter") {
      last.key = event.timeStamp;
      last.secondFrame = Number.POSITIVE_INFINITY;
      requestAnimationFrame(() =>
        requestAnimationFrame(() => {
          last.secondFrame = performance.now();
        }),
      );
    }
  };
  addEventListener("keydown", heard, true);
  addEventListener("click", heard, true);

  /**
   * From the event of Enter to the words being in the page, at the end of a frame, and on the screen. What stands for
   * the message may be another element before the browser has told of the first one, of which it then tells nothing:
   * the frame of the key counts, if the words were in sight in it.
   */
  function ownWords(words) {
    let found;
    let observer;
    let inSight = Number.POSITIVE_INFINITY;
    const sight = new IntersectionObserver((entries) => {
      for (const { isIntersecting, time } of entries) if (isIntersecting) inSight = Math.min(inSight, time);
    });
    // Until it is painted: where the server is quick, what stands for the message is another element by then.
    const inserted = new Promise((answer) => {
      observer = new MutationObserver((records) => {
        for (const { addedNodes } of records) {
          for (const node of addedNodes) {
            if (!(node instanceof Element) || !node.textContent.includes(words)) continue;
            if (node.closest("[role=log]") === null) continue;
            found = innermost(node, words);
            found.setAttribute("elementtiming", words);
            sight.observe(found);
            answer(performance.now());
          }
        }
      });
      observer.observe(document, { childList: true, subtree: true });
    });
    const painted = new Promise((answer) => presented.set(words, answer));
    const rendered = inserted.then(() => seen(() => found));
    bench.answer = Promise.all([inserted, rendered, painted]).then(([inPage, frame, screen]) => {
      observer.disconnect();
      sight.disconnect();
      presented.delete(words);
      const ofKey = framesOfKeys.get(last.key) ?? last.key + LEAST_TOLD_MS;
      const first = inSight < last.secondFrame ? Math.min(ofKey, screen) : screen;
      return { inPage: inPage - last.key, frame: frame - last.key, screen: first - last.key };
    });
  }

  /** From a click to words in an article that is in sight. */
  function roomOf(words) {
    const find = () => {
      const log = document.querySelector("[role=log]");
      if (log === null) return null;
      return [...log.querySelectorAll("article")].find((one) => one.textContent.includes(words) && isSeen(one)) ?? null;
    };
    bench.answer = seen(find).then((at) => at - last.click);
  }

  /** The times between frames, until it is asked for them. */
  function frames() {
    const at = [];
    let isOn = true;
    const next = (now) => {
      at.push(now);
      if (isOn) requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
    return () => {
      isOn = false;
      return at.slice(1).map((now, place) => now - at[place]);
    };
  }

  /** How often the words of an answer that grows changed, for each frame in which they did; and what moved by itself. */
  function writing(anchorId) {
    const changes = [];
    let within = 0;
    let isOn = true;
    const observer = new MutationObserver(() => {
      within += 1;
    });
    const answer = [...document.querySelectorAll("[role=log] [data-row^='turn:']")].at(-1);
    if (answer !== undefined) observer.observe(answer, { childList: true, characterData: true, subtree: true });
    const top = () => document.querySelector(`[data-row="${anchorId}"]`)?.getBoundingClientRect().top;
    const from = anchorId === undefined ? undefined : top();
    let drift = 0;
    const next = () => {
      if (within > 0) changes.push(within);
      within = 0;
      if (from !== undefined) drift = Math.max(drift, Math.abs((top() ?? Number.POSITIVE_INFINITY) - from));
      if (isOn) requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
    const shifts = [];
    const shifting = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) shifts.push(entry.value);
    });
    shifting.observe({ type: "layout-shift", buffered: false });
    return () => {
      isOn = false;
      observer.disconnect();
      for (const entry of shifting.takeRecords()) if (!entry.hadRecentInput) shifts.push(entry.value);
      shifting.disconnect();
      return { changes, drift, shift: shifts.reduce((sum, value) => sum + value, 0) };
    };
  }

  const bench = { answer: undefined, ownWords, roomOf, frames, writing, running: undefined, ready: {} };
  window.bench = bench;

  if (!isRoom) return;

  // When a page that loads can be written in, and has something to read.
  const wanted = {
    composer: () =>
      document.querySelector(
        "[role=region][aria-label='Write a message'] textarea:enabled, section[aria-label='Write a message'] textarea:enabled",
      ),
    article: () => [...document.querySelectorAll("[role=log] article")].find(isSeen),
    form: () => document.querySelector("form input:enabled"),
  };
  const look = (now) => {
    for (const [name, find] of Object.entries(wanted)) if (find()) bench.ready[name] ??= now;
    if (Object.keys(bench.ready).length < 2) afterFrame(look);
  };
  afterFrame(look);
}
