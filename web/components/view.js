/* The whole view of a conversation: what the page shows of a result, and what a report is. */
import { el, section } from './dom.js';
import { emotionArcs, legend } from './charts.js';
import { moments, provenance, quarterTable, summary, talkTable } from './figures.js';
import { createPlayer, levels } from './player.js';
import { createState } from './state.js';
import { createTimeline } from './timeline.js';
import { createFilters, createTranscript, earlier } from './transcript.js';

/* Space, arrows and / wherever nothing else wants them. */
function keys(root, state, player, transcript, search) {
  return event => {
    if (!root.isConnected || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const tag = event.target.tagName, key = event.key;
    if (/^(INPUT|TEXTAREA|SELECT|AUDIO|SUMMARY)$/.test(tag) && !(tag === 'INPUT' && key === 'Escape')) return;
    if (key === 'ArrowDown' || key === 'ArrowUp') transcript.move(key === 'ArrowDown' ? 1 : -1);
    else if (key === 'ArrowLeft' || key === 'ArrowRight') player.seek(player.now() + (key === 'ArrowLeft' ? -5 : 5));
    else if (key === ' ' && tag !== 'BUTTON') player.toggle();
    else if (key === '/') search.focus();
    else if (key === 'Escape' && tag === 'INPUT') event.target.blur();
    else return;
    event.preventDefault();
  };
}

/* `data`: a conversation without embeddings. options: audio (an element), peaks (0..1, of the whole), correct(index,
   emotion) where labels can be kept, labels ({utterance, emotion}) that were. */
export function conversationView(data, options = {}) {
  const state = createState(data), audio = options.audio || el('audio', { preload: 'metadata' });
  const wave = el('div', { class: 'wave', 'aria-hidden': 'true' });
  const timeline = createTimeline(state, wave), filters = createFilters(state);
  const player = createPlayer(state, audio, wave, options.peaks || levels(state));
  const transcript = createTranscript(state, options.correct);
  const root = el('div', { class: 'conversation' },
    summary(state),
    el('section', { class: 'player', 'aria-label': 'Player and timeline' },
      el('div', { class: 'controls' }, player.controls, el('span', { class: 'zoom' }, timeline.zoom)), timeline.element),
    section('Transcript', filters.element, el('p', { class: 'hint soft' }, 'Choose an utterance to hear it and to see why. ', el('span', { class: 'keys' },
      ...[['\u2191 \u2193', 'previous, next'], ['space', 'play'], ['\u2190 \u2192', '5 s'], ['/', 'find']].flatMap(([k, v]) => [el('kbd', {}, k), ` ${v} `]))), earlier(data.history), transcript.element),
    section('Emotions over time', legend(), el('div', { class: 'charts' }, emotionArcs(state)), ...(data.analytics ? [el('h3', {}, 'By quarter'), quarterTable(state)] : [])),
    ...(data.analytics ? [section('Who talked', talkTable(state)), section('Moments', moments(state))] : []),
    section('How this was made', provenance(data)));
  for (const l of options.labels || []) state.correct(l.utterance, l.emotion);
  addEventListener('keydown', keys(root, state, player, transcript, filters.search));
  return { root, state, player };
}
