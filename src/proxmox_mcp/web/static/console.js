// What the pages do beyond plain forms and links: redeem a link, show times in the browser's zone, copy a text, and
// replace the parts of a page that have changed. Without this script all of it but the live updates works too.
"use strict";

// The token of a sign-in link is in the fragment, which no server and no log ever sees.
function redeemLink() {
  const form = document.getElementById("link-form");
  const token = location.hash.slice(1);
  if (!form || !token) return;
  history.replaceState(null, "", location.pathname + location.search);
  form.elements.link.value = token;
  form.requestSubmit();
}

function ago(seconds) {
  const past = seconds >= 0, size = Math.abs(seconds);
  if (size < 5) return "now";
  const text = size < 60 ? `${Math.round(size)} s`
    : size < 3600 ? `${Math.floor(size / 60)} min`
    : size < 172800 ? `${Math.floor(size / 3600)} h`
    : `${Math.floor(size / 86400)} d`;
  return past ? `${text} ago` : `in ${text}`;
}

const near = new Intl.DateTimeFormat(undefined, {hour: "2-digit", minute: "2-digit"});
const other = new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeStyle: "short"});

function showTimes(root) {
  for (const each of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(each.dateTime);
    const seconds = (Date.now() - moment) / 1000;
    const isNear = Math.abs(seconds) < 12 * 3600 || moment.toDateString() === new Date().toDateString();
    const text = `${(isNear ? near : other).format(moment)} (${ago(seconds)})`;
    if (each.textContent !== text) each.textContent = text;
    each.title = moment.toString();
  }
}

function addCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const each of root.querySelectorAll("[data-copy]:not([data-ready])")) {
    each.dataset.ready = "";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(each.querySelector("pre, code").textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    each.append(button);
  }
}

// Each live part as the server sent it, before times and buttons were put in: to tell whether it has changed.
const sent = new WeakMap();

function prepare(root) {
  for (const each of root.querySelectorAll("[data-live]")) sent.set(each, each.innerHTML);
  showTimes(root);
  addCopyButtons(root);
}

// A part that somebody is using (an open form, the focus, the pointer on a button) is left alone until they have
// finished: a button that is replaced while it is pressed does nothing.
function isInUse(part) {
  const active = document.activeElement;
  if (part.contains(active) && active !== part && !active.matches("a[href], summary")) return true;
  return part.querySelector("button:hover, button:active") !== null;
}

function keepOpened(before, after) {
  for (const each of before.querySelectorAll("details[open][id]")) {
    const same = after.querySelector(`#${CSS.escape(each.id)}`);
    if (same) same.open = true;
  }
}

function say(text) {
  const state = document.getElementById("live-state");
  if (state && state.textContent !== text) state.textContent = text;
}

let reloading = false;
const changed = new Set(), postponed = new Set();

// Some parts can be had alone, from an address of their own; all others come with this very page.
const addressOf = part => part.dataset.from || location.href;

// Fetches parts again and takes over those that have changed: one way to render, on the server.
async function replace(parts, address) {
  const response = await fetch(address, {headers: {Accept: "text/html"}, redirect: "error"});
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of parts) {
    const after = fresh.getElementById(part.id);
    if (!after || sent.get(part) === after.innerHTML) continue;
    if (isInUse(part)) {
      postponed.add(part);
      continue;
    }
    sent.set(part, after.innerHTML);
    part.dataset.live = after.dataset.live || "";
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    keepOpened(part, after);
    prepare(after);
    part.replaceChildren(...after.childNodes);
    if (focused) document.getElementById(focused)?.focus();
  }
}

// The parts whose subjects have changed, of which those in use are postponed.
function partsToReplace() {
  for (const part of document.querySelectorAll("[data-live]"))
    if (part.id && part.dataset.live.split(" ").some(each => changed.has(each))) postponed.add(part);
  changed.clear();
  const parts = [...postponed].filter(part => !isInUse(part));
  for (const part of parts) postponed.delete(part);
  return parts;
}

// Updates what has changed. A page that nobody sees waits until somebody does.
async function update() {
  if (reloading || document.hidden || !(changed.size || postponed.size)) return;
  reloading = true;
  try {
    const parts = partsToReplace();
    for (const address of new Set(parts.map(addressOf)))
      await replace(parts.filter(part => addressOf(part) === address), address);
  } catch {
    say("No answer from the server. Reload the page if you were signed out.");
  } finally {
    reloading = false;
    if (changed.size || postponed.size) setTimeout(update, 500);
  }
}

function listen() {
  const address = document.body.dataset.events;
  if (!address || !document.querySelector("[data-live]")) return;
  const source = new EventSource(address);
  source.addEventListener("open", () => say("Updates are live."));
  source.addEventListener("error", () => say("Connection lost; reconnecting."));
  source.addEventListener("changed", event => {
    for (const subject of event.data.split(" ")) changed.add(subject);
    update();
  });
}

redeemLink();
document.addEventListener("visibilitychange", update);
addEventListener("hashchange", redeemLink);  // The link was opened where the form is open already.
prepare(document);
listen();
setInterval(() => showTimes(document), 10000);
