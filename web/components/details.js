/* Why an utterance was judged so. */
import { el, number, percent, table } from './dom.js';
import { badge, bars, EMOTIONS, leading } from './emotions.js';

const EXPERT = { acoustic: 'voice', text: 'words', context: 'turns before', retrieval: 'labelled examples', language_model: 'language model' };

function experts(e) {
  const rows = Object.keys(e.opinions).map(x => {
    const p = e.opinions[x].probabilities;
    return [EXPERT[x] || x, percent(e.opinions[x].weight), badge(leading(p)), ...EMOTIONS.map(k => percent(p[k]))];
  });
  const reasons = Object.keys(e.opinions).filter(x => e.opinions[x].reason).map(x => el('p', { class: 'soft' }, `${EXPERT[x]}: ${e.opinions[x].reason}`));
  return rows.length ? [el('h3', {}, 'Opinions of the experts'), table('Opinions of the experts', ['expert', 'weight', 'thinks', ...EMOTIONS], rows, [1, 3, 4, 5, 6, 7]), ...reasons] : [];
}

/* Not a word a line on a telephone. */
const wide = text => el('div', { class: 'wide' }, text);

function evidence(e) {
  const parts = [], { cues, examples } = e.evidence, signed = v => (v > 0 ? '+' : '') + number(v);
  if (cues.length) parts.push(el('h3', {}, 'Cues'), table('Cues', ['cue', 'in words', 'value', 'against usual', 'effect'],
    cues.map(c => [c.name, wide(c.text), number(c.value), number(c.relative), signed(c.effect)]), [2, 3, 4]));
  if (examples.length) parts.push(el('h3', {}, 'Nearest labelled examples'), table('Nearest labelled examples', ['example', 'label', 'distance', 'from'],
    examples.map(x => [wide(x.text), badge(x.label), number(x.distance, 3), x.source]), [2]));
  return parts;
}

/* `correct(emotion)` resolves when the label is kept, or rejects with why not. */
function correction(u, correct) {
  const said = el('p', { class: 'soft', role: 'status' });
  const buttons = EMOTIONS.map(name => el('button', { type: 'button', 'aria-pressed': String(u.corrected === name), on: async () => {
    said.textContent = 'Saving \u2026';
    try {
      await correct(name);
      u.corrected = name;
      buttons.forEach((b, i) => b.setAttribute('aria-pressed', String(EMOTIONS[i] === name)));
      said.textContent = `Kept as ${name}: an example for every later analysis here.`;
    } catch (problem) {
      said.textContent = problem.message;
    }
  } }, badge(name)));
  return [el('h3', {}, 'Is it something else?'), el('div', { class: 'chips', role: 'group', 'aria-label': 'Correct the emotion' }, buttons), said];
}

export function details(u, correct) {
  const e = u.emotion, sure = [];
  if (u.text_confidence !== null) sure.push(`Words ${percent(u.text_confidence)} sure.`);
  if (u.speaker_confidence !== null) sure.push(`Speaker ${percent(u.speaker_confidence)} sure.`);
  const box = el('div', { class: 'more' });
  if (!e) box.append(el('p', { class: 'soft' }, 'No emotion was judged here.'));
  else if (e.explanation) box.append(el('p', { class: 'why' }, e.explanation));
  if (sure.length) box.append(el('p', { class: 'soft' }, sure.join(' ')));
  if (e) box.append(el('h3', {}, 'Probabilities'), bars(e.probabilities), ...(correct ? correction(u, correct) : []), ...experts(e), ...evidence(e));
  const names = Object.keys(u.features);
  if (names.length) box.append(el('details', {}, el('summary', {}, names.length + ' acoustic features'), table('Acoustic features',
    ['feature', 'value', 'against usual'], names.map(n => [n, number(u.features[n].value, 4), number(u.features[n].relative)]), [1, 2])));
  return box;
}
