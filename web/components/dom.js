/* Elements are only ever made of nodes and text, so that nothing in a conversation is read as markup. */
export function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes || {})) {
    if (v === null || v === undefined || v === false) continue;
    if (k === 'width%') e.style.width = v + '%';
    else if (k === 'on') e.addEventListener('click', v);
    else e.setAttribute(k, v === true ? '' : v);
  }
  e.append(...children.flat().filter(c => c !== null && c !== undefined));
  return e;
}

export function svg(tag, attributes, ...children) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const k in attributes || {}) e.setAttribute(k, attributes[k]);
  e.append(...children);
  return e;
}

/* Pixels of what is drawn for a sheet of paper: A4 and Letter have a few more within their margins. */
export const SHEET = 660;

export const percent = p => Math.round(p * 100) + ' %';

/* 1:02:03 */
export function clock(t) {
  const s = Math.max(0, Math.floor(t)), h = Math.floor(s / 3600), two = n => String(n).padStart(2, '0');
  return (h ? h + ':' + two(Math.floor(s / 60) % 60) : String(Math.floor(s / 60))) + ':' + two(s % 60);
}

export const plural = (n, one, many) => `${n} ${n === 1 ? one : many || one + 's'}`;

/* "" for what is not known. */
export function number(v, digits = 2) {
  return v === null || v === undefined ? '' : String(Number(v.toFixed(digits)));
}

/* A table; numbers stand at the right. `align` names the columns of numbers where cells are elements. */
export function table(caption, head, body, numeric = []) {
  const right = i => numeric.includes(i);
  const cell = (tag, v, i, more) => el(tag, { class: right(i) ? 'n' : null, ...more }, v);
  return el('div', { class: 'table', tabindex: 0, role: 'group', 'aria-label': caption }, el('table', {},
    el('thead', {}, el('tr', {}, head.map((h, i) => cell('th', h, i, { scope: 'col' })))),
    el('tbody', {}, body.map(r => el('tr', {}, r.map((v, i) => cell('td', v, i)))))));
}

export function section(title, ...children) {
  const id = 'h-' + title.toLowerCase().replace(/[^a-z]+/g, '-');
  return el('section', { 'aria-labelledby': id }, el('h2', { id }, title), children);
}
