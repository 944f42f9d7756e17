/* The report of many conversations. */
import { emotionChart } from '../components/charts.js';
import { clock, el, number, percent, plural, section, table } from '../components/dom.js';
import { badge, bars, EMOTIONS, leading, stack } from '../components/emotions.js';

const all = JSON.parse(document.getElementById('data').textContent), conversations = all.conversations;
const measured = conversations.filter(c => c.analytics), total = conversations.reduce((t, c) => t + c.duration, 0);
document.getElementById('title').textContent = all.title;
document.getElementById('subtitle').textContent = [plural(conversations.length, 'conversation'), clock(total),
  plural(conversations.reduce((t, c) => t + c.utterances, 0), 'utterance')].join(' \u00b7 ');

const link = (c, text, at) => (c.href ? el('a', { href: c.href + (at === undefined ? '' : '#u' + at) }, text) : text);

/* Mean of moods, [mood or null, weight] each. */
function mean(pairs) {
  const sum = Object.fromEntries(EMOTIONS.map(e => [e, 0]));
  let weight = 0;
  for (const [mood, w] of pairs) if (mood) {
    weight += w;
    for (const e of EMOTIONS) sum[e] += w * mood[e];
  }
  return weight ? Object.fromEntries(EMOTIONS.map(e => [e, sum[e] / weight])) : null;
}
const speakers = measured.flatMap(c => c.analytics.speakers.map(s => ({ c, s })));
const moodOf = c => mean(c.analytics.speakers.map(s => [s.emotions, s.talk_time]));

/* Long tables begin with 50 rows. */
function longTable(caption, head, rows, numeric) {
  const most = 50, box = el('div', {}, table(caption, head, rows.slice(0, most), numeric));
  if (rows.length > most) {
    const more = el('button', { type: 'button', on: () => box.replaceChildren(table(caption, head, rows, numeric)) }, `Show all ${rows.length}`);
    box.append(more);
  }
  return box;
}

function distribution() {
  const seconds = mean(conversations.map(c => {
    const sum = EMOTIONS.reduce((t, e) => t + c.labels[e], 0);
    return [sum ? Object.fromEntries(EMOTIONS.map(e => [e, c.labels[e] / sum])) : null, sum];
  }));
  return seconds ? [el('p', { class: 'soft' }, 'Share of the speaking time that was judged so.'), bars(seconds)] : [el('p', { class: 'soft' }, 'Nothing was judged.')];
}

function course() {
  const quarters = [0, 1, 2, 3].map(q => mean(measured.map(c => [c.analytics.quarters[q], c.duration])));
  const parts = [el('h3', {}, 'In the course of a conversation'), table('Emotions by quarter of the conversations', ['first quarter', 'second', 'third', 'last'],
    [quarters.map((q, i) => (q ? el('div', { class: 'quarter' }, stack(`quarter ${i + 1}`, q), badge(leading(q))) : ''))])];
  const judged = measured.map(c => [c, moodOf(c)]).filter(p => p[1]);
  if (judged.length > 1) parts.unshift(emotionChart('From conversation to conversation, in the order of their names', judged.map((p, i) => i + 1),
    judged.map(p => EMOTIONS.map(e => p[1][e])), x => (Number.isInteger(x) && judged[x - 1] ? String(x) : ''), x => { if (judged[x - 1][0].href) location.href = judged[x - 1][0].href; }, x => judged[x - 1][0].id));
  return parts;
}

function heated() {
  const moments = conversations.flatMap(c => c.moments.map(m => ({ c, m }))).filter(x => x.m.angry >= 0.2).sort((a, b) => b.m.angry - a.m.angry).slice(0, 20);
  if (!moments.length) return [el('p', { class: 'soft' }, 'No utterance has anger at a fifth or more.')];
  return [el('p', { class: 'soft' }, 'The utterances in which anger is most probable; at least half a minute apart.'),
    table('Most heated moments', ['at', 'conversation', 'speaker', 'angry', 'louder than usual', 'words'], moments.map(({ c, m }) => [link(c, clock(m.time), m.utterance), c.id,
      m.speaker || 'unknown', percent(m.angry), m.louder === null ? '\u2013' : `${number(m.louder, 1)} sd`, m.text || '\u2013']), [0, 3, 4])];
}

document.getElementById('view').replaceWith(el('div', {},
  section('Emotions', ...distribution()),
  section('Most heated moments', ...heated()),
  section('Over time', ...course()),
  section('Conversations', longTable('Conversations', ['conversation', 'length', 'speakers', 'emotions', 'mostly', 'interruptions', 'silence', 'turning points'], conversations.map(c => {
    const a = c.analytics, mood = a && moodOf(c);
    return [link(c, c.id), clock(c.duration), a ? String(a.speakers.length) : '\u2013', mood ? stack(c.id, mood) : '', mood ? badge(leading(mood)) : 'not judged',
      a ? String(a.interruptions.length) : '\u2013', a ? clock(a.silence) : '\u2013', a ? String(a.turning_points.length) : '\u2013'];
  }), [1, 2, 5, 6, 7])),
  section('Speakers', longTable('Speakers', ['conversation', 'speaker', 'emotions', 'mostly', 'share', 'time', 'words a minute', 'loudness', 'interrupted', 'was interrupted'],
    speakers.map(({ c, s }) => [link(c, c.id), s.speaker, s.emotions ? stack(s.speaker, s.emotions) : '', s.emotions ? badge(leading(s.emotions)) : '', percent(s.talk_share), clock(s.talk_time),
      number(s.words_per_minute, 0) || '\u2013', s.loudness_db === null ? '\u2013' : number(s.loudness_db, 1) + ' dB', String(s.interrupted), String(s.was_interrupted)]), [4, 5, 6, 7, 8, 9]))));
