/* Who said what. Rows out of sight are not laid out (content-visibility), so that hours scroll smoothly. */
import { clock, el, percent, plural } from './dom.js';
import { badge, emotionOf } from './emotions.js';
import { details } from './details.js';
import { who } from './state.js';

/* `correct(index, emotion)` or null. */
export function createTranscript(state, correct) {
  const rows = state.utterances.map((u, i) => {
    const name = emotionOf(u);
    return el('li', {}, el('button', { type: 'button', class: 'row', 'aria-expanded': 'false', on: () => state.choose(i, false) },
      el('span', { class: 'time figure' }, clock(u.start)), el('span', { class: 'who' }, who(u)),
      el('span', { class: 'said' }, u.text || el('span', { class: 'soft' }, 'no words recognised')),
      badge(name, u.emotion ? el('span', { class: 'figure' }, percent(u.emotion.probabilities[name])) : null)));
  });
  state.on('corrected', i => {
    const row = rows[i].firstChild, old = row.querySelector('.corrected');
    if (old) old.remove();
    row.append(el('span', { class: 'corrected' }, 'corrected: ', badge(state.utterances[i].corrected)));
  });
  const none = el('p', { class: 'soft', role: 'status' });
  function filter() {
    let shown = 0;
    state.utterances.forEach((u, i) => { shown += !(rows[i].hidden = !state.shows(u)); });
    none.textContent = shown ? (shown < rows.length ? `${shown} of ${rows.length} utterances` : '') : 'No utterance matches.';
  }
  state.on('filter', filter);
  state.on('current', (now, before, scroll) => {
    if (rows[before]) rows[before].classList.remove('now');
    if (!rows[now]) return;
    rows[now].classList.add('now');
    if (scroll && !rows[now].hidden) rows[now].scrollIntoView({ block: 'center' });
  });
  state.on('opened', (now, before) => {
    if (rows[before] && rows[before].lastChild !== rows[before].firstChild) {
      rows[before].lastChild.remove();
      rows[before].firstChild.setAttribute('aria-expanded', 'false');
    }
    if (!rows[now]) return;
    rows[now].append(details(state, now, correct && (name => correct(now, name))));
    rows[now].firstChild.setAttribute('aria-expanded', 'true');
  });
  /* The next one shown in a direction. */
  function move(direction) {
    let i = state.current + direction;
    while (rows[i] && rows[i].hidden) i += direction;
    if (!rows[i]) return;
    rows[i].firstChild.focus({ preventScroll: true });
    state.choose(i, true);
  }
  return { element: el('div', {}, none, el('ol', { class: 'list', id: 'list' }, rows)), move };
}

/* The turns that the caller gave as said before. */
export function earlier(history) {
  if (!history || !history.length) return null;
  return el('details', { class: 'earlier' }, el('summary', {}, `${plural(history.length, 'turn')} before the recording`),
    el('ol', { class: 'plain' }, history.map(t => el('li', {}, el('span', { class: 'soft' }, t.speaker + ' '), t.text, ' ', t.emotion ? badge(t.emotion) : null))));
}

/* Chips for emotions and speakers, and a field for words. */
export function createFilters(state) {
  const count = f => el('span', { class: 'figure' }, String(state.utterances.filter(f).length));
  const chip = (key, ...content) => el('button', { type: 'button', 'aria-pressed': 'true', on: event => {
    const off = !state.hidden.delete(key) && !!state.hidden.add(key);
    event.currentTarget.setAttribute('aria-pressed', String(!off));
    state.filter();
  } }, ...content);
  const names = [...new Set(state.utterances.map(emotionOf))];
  const order = ['sad', 'happy', 'angry', 'neutral', 'non-neutral', 'none'].filter(e => names.includes(e));
  const search = el('input', { type: 'search', placeholder: 'Find words', 'aria-label': 'Find words in the transcript', id: 'search' });
  search.addEventListener('input', () => { state.query = search.value.trim().toLowerCase(); state.filter(); });
  return { search, element: el('div', { class: 'filters' },
    el('div', { class: 'chips', role: 'group', 'aria-label': 'Emotions shown', id: 'by-emotion' }, order.map(e => chip('e:' + e, badge(e, count(u => emotionOf(u) === e))))),
    el('div', { class: 'chips', role: 'group', 'aria-label': 'Speakers shown', id: 'by-speaker' }, state.lanes.map(s => chip('s:' + s, s + ' ', count(u => who(u) === s)))),
    search) };
}
