// What the page says, in the reader's language; the server has put it into the page.

const read = (id) => JSON.parse(document.getElementById(id).textContent);

const texts = read("texts");

/** What each kind of packet is for, by its name in the protocol. */
export const meanings = read("meanings");

/** A text by its key, with `{name}` replaced by values. */
export function say(key, values = {}) {
  return texts[key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Time of day, in the reader's zone; to the millisecond if asked for. */
export function clock(date, { toTheMillisecond = false } = {}) {
  const two = (number) => String(number).padStart(2, "0");
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return toTheMillisecond ? `${time}.${String(date.getMilliseconds()).padStart(3, "0")}` : time;
}
