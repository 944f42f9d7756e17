/* The analytics of a conversation as figures and short lists that lead into the recording. */
import { clock, el, number, percent, plural, table } from './dom.js';
import { badge, leading, stack } from './emotions.js';

const named = s => s || 'unknown';

function jump(state, time, text, utterance) {
  return el('button', { type: 'button', class: 'link figure', on: () => {
    state.tell('seek', time);
    if (utterance !== undefined) state.mark(utterance, true);
  } }, text);
}

/* The conversation in a line of figures. */
export function summary(state) {
  const a = state.data.analytics, judged = state.utterances.filter(u => u.emotion), sums = {};
  for (const u of judged) for (const [e, p] of Object.entries(u.emotion.probabilities)) sums[e] = (sums[e] || 0) + p * (u.end - u.start);
  const item = (what, ...value) => el('div', {}, el('dt', {}, what), el('dd', {}, ...value));
  return el('dl', { class: 'summary' }, item('Length', clock(state.duration)), item('Speakers', String(state.data.speakers.length)),
    item('Utterances', String(state.utterances.length)), judged.length ? item('Mostly', badge(leading(sums))) : null,
    a ? item('Interruptions', String(a.interruptions.length)) : null, a ? item('Silence', clock(a.silence)) : null);
}

export function talkTable(state) {
  const a = state.data.analytics;
  const rows = a.speakers.map(s => [s.speaker, el('span', { class: 'share' }, el('span', { class: 'meter', 'aria-hidden': 'true' }, el('span', { 'width%': s.talk_share * 100 })), percent(s.talk_share)),
    clock(s.talk_time), String(s.turns), number(s.words_per_minute, 0) || '\u2013', number(s.syllables_per_second, 1) || '\u2013',
    s.loudness_db === null ? '\u2013' : number(s.loudness_db, 1) + ' dB', String(s.interrupted), String(s.was_interrupted)]);
  return table('Talk time of each speaker', ['speaker', 'share', 'time', 'turns', 'words a minute', 'syllables a second', 'loudness', 'interrupted', 'was interrupted'], rows, [2, 3, 4, 5, 6, 7, 8]);
}

/* Emotions of everybody and of each speaker by quarter. */
export function quarterTable(state) {
  const a = state.data.analytics, cell = (name, q) => (q ? el('div', { class: 'quarter' }, stack(name, q), badge(leading(q))) : el('span', { class: 'soft' }, '\u2013'));
  const row = (name, quarters) => [name, ...quarters.map((q, i) => cell(`${name}, quarter ${i + 1}`, q))];
  const ends = [1, 2, 3, 4].map(i => `to ${clock(state.duration * i / 4)}`);
  return table('Emotions by quarter', ['speaker', ...ends], [row('everybody', a.quarters), ...a.speakers.map(s => row(s.speaker, s.quarters))]);
}

function list(items, none, draw) {
  const most = 12, box = el('ul', { class: 'plain' });
  if (!items.length) return el('p', { class: 'soft' }, none);
  box.append(...items.slice(0, most).map(i => el('li', {}, draw(i))));
  if (items.length > most) {
    const more = el('button', { type: 'button', class: 'link', on: () => { more.parentElement.replaceWith(...items.slice(most).map(i => el('li', {}, draw(i)))); } }, `${items.length - most} more`);
    box.append(el('li', {}, more));
  }
  return box;
}

export function moments(state) {
  const a = state.data.analytics, group = (title, ...children) => el('div', {}, el('h3', {}, title), ...children);
  return el('div', { class: 'three' },
    group('Turning points', list(a.turning_points, 'Nobody\u2019s emotion changes for long.',
      t => [jump(state, t.time, clock(t.time), t.utterance), ' ', t.speaker, ' ', el('span', { class: 'from-to' }, badge(t.from), ' \u2192 ', badge(t.to))])),
    group('Interruptions', list(a.interruptions, 'Nobody interrupts.',
      t => [jump(state, t.time, clock(t.time), t.utterance), ` ${named(t.by)} interrupts ${named(t.of)}, ${number(t.overlap, 1)} s together`])),
    group('Silences', el('p', { class: 'soft' }, a.silences.length ? `${plural(a.silences.length, 'silence')} of a second and more, ${clock(a.silence)} in all; the longest first.` : ''),
      list([...a.silences].sort((x, y) => y.end - y.start - (x.end - x.start)), 'No silence lasts a second.',
        t => [jump(state, t.start, clock(t.start), undefined), ` ${number(t.end - t.start, 1)} s, after ${named(t.after)}`])));
}

export function provenance(data) {
  const made = [], add = (k, ...v) => made.push(el('dt', {}, k), el('dd', {}, ...v));
  add('Recording', `${data.source.file}, ${data.source.rate} Hz, ${plural(data.source.channels, 'channel')}`);
  if (data.source.sha256) add('SHA-256', el('code', {}, data.source.sha256));
  for (const m of data.provenance.models) add('Model: ' + m.job, m.name + ' ', m.sha256 ? el('code', { class: 'soft' }, m.sha256.slice(0, 12)) : '');
  const settings = Object.entries(data.provenance.settings);
  if (settings.length) add('Settings', settings.map(([k, v]) => k + '=' + v).join(', '));
  for (const n of data.provenance.notes) add('Note', n);
  add('Undertone', data.provenance.version);
  return el('dl', { class: 'made' }, made);
}
