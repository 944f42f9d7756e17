/* What the parts of a conversation's view share: the document, what is chosen and shown, and who wants to know. */
import { emotionOf } from './emotions.js';

export const who = u => (u.speaker === null ? 'unknown' : u.speaker);

export function createState(data) {
  const utterances = data.utterances, told = {};
  const state = {
    data, utterances,
    lanes: data.speakers.concat(utterances.some(u => u.speaker === null) ? ['unknown'] : []),
    duration: utterances.reduce((t, u) => Math.max(t, u.end), data.source.duration || 0) || 1,
    current: -1,      /* the utterance being heard or chosen */
    opened: -1,       /* whose details are shown */
    hidden: new Set(), /* "e:angry", "s:SPEAKER_00" */
    query: '',
    on(what, f) { (told[what] ||= []).push(f); },
    tell(what, ...more) { for (const f of told[what] || []) f(...more); },
    shows(u) {
      return !state.hidden.has('e:' + emotionOf(u)) && !state.hidden.has('s:' + who(u)) &&
        (!state.query || u.text.toLowerCase().includes(state.query));
    },
    /* The last utterance begun that has not ended, or -1. */
    at(t) {
      let low = 0, high = utterances.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (utterances[middle].start <= t) low = middle + 1; else high = middle;
      }
      for (let i = low - 1; i >= 0 && i > low - 6; i--) if (t < utterances[i].end) return i;
      return -1;
    },
    /* "current" tells (now, before, scroll); "opened" (now, before). */
    mark(i, scroll) {
      if (i === state.current) return;
      const before = state.current;
      state.current = i;
      state.tell('current', i, before, scroll);
    },
    open(i) {
      const before = state.opened;
      state.opened = i;
      state.tell('opened', i, before);
    },
    choose(i, scroll) {
      state.tell('seek', utterances[i].start);
      state.mark(i, scroll);
      state.open(state.opened === i ? -1 : i);
    },
    filter() { state.tell('filter'); },
    /* What a person said of it; "corrected" tells (which). */
    correct(i, emotion) {
      utterances[i].corrected = emotion;
      state.tell('corrected', i);
    },
  };
  return state;
}
