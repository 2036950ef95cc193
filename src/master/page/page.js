"use strict";
// The server renders the page. Once a second this fetches it again, and changes what differs in what is shown: a selection, the
// focus and an open list stay.
const live = document.getElementById("live"), fresh = document.getElementById("fresh"), pause = document.getElementById("pause");
let paused = false, last = Date.now();

function follow(old, now) {
  if (old.nodeName !== now.nodeName || old.childNodes.length !== now.childNodes.length) {
    old.replaceWith(document.importNode(now, true));
    return;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== now.data) old.data = now.data;
    return;
  }
  if (old.nodeType === Node.ELEMENT_NODE)
    for (const { name, value } of now.attributes)
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const next = [...now.childNodes];
  [...old.childNodes].forEach((child, i) => follow(child, next[i]));
}

// A list that has grown or shrunk keeps its element, so that it stays where it was scrolled to.
function followParts(old, now) {
  const was = [...old.children], is = [...now.children];
  if (was.length !== is.length) return old.replaceChildren(...is.map((node) => document.importNode(node, true)));
  was.forEach((child, i) => {
    if (child.nodeName !== is[i].nodeName || child.className !== is[i].className) child.replaceWith(document.importNode(is[i], true));
    else if (/^(SECTION|DIV|OL|TABLE|DETAILS)$/.test(child.nodeName) && child.children.length) followParts(child, is[i]);
    else follow(child, is[i]);
  });
}

async function refresh() {
  if (paused || document.hidden) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(3000) });
    if (!answer.ok) throw new Error(answer.status);
    const now = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (paused) return;
    followParts(live, now.getElementById("live"));
    document.title = now.title;
    fresh.textContent = now.getElementById("fresh").textContent;
    last = Date.now();
  } catch {
    fresh.textContent = `no answer for ${Math.round((Date.now() - last) / 1000)} s`;
  }
  document.body.classList.toggle("late", Date.now() - last > 2500);
}

async function go() {
  await refresh();
  setTimeout(go, 1000);
}

pause.hidden = false;
pause.addEventListener("click", () => {
  paused = !paused;
  pause.textContent = paused ? "Go on" : "Pause";
});
setTimeout(go, 1000);
