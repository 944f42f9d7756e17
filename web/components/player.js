/* The recording: the waveform (wavesurfer.js) and an audio element that any part can move. */
import { clock, el } from './dom.js';
import { colour } from './emotions.js';

/* Where no waveform is at hand: the level of each utterance as the analysis measured it, 0..1, 1000 values. */
export function levels(state) {
  const points = new Array(1000).fill(0.02), scale = points.length / state.duration;
  for (const u of state.utterances) {
    const level = u.features.loudness_mean_db && u.features.loudness_mean_db.value;
    const height = level === null || level === undefined ? 0.4 : Math.min(1, Math.max(0.08, 10 ** ((level + 12) / 20)));
    for (let i = Math.floor(u.start * scale); i < u.end * scale && i < points.length; i++) points[i] = height;
  }
  return points;
}

export function createPlayer(state, audio, box, peaks) {
  const play = el('button', { class: 'play', type: 'button', 'aria-label': 'Play', disabled: true, on: () => toggle() });
  const time = el('span', { class: 'figure', role: 'timer', 'aria-live': 'off' }, '0:00');
  const follow = el('input', { type: 'checkbox', checked: true });
  const pick = el('input', { type: 'file', accept: 'audio/*,video/*', id: 'recording' });
  const ask = el('label', { class: 'pick' }, 'Open the recording to listen ', pick);
  const ready = () => audio.hasAttribute('src');
  let wave = null;

  function toggle() {
    if (!ready()) return;
    if (audio.paused) audio.play(); else audio.pause();
  }
  function seek(t) {
    const to = Math.min(state.duration, Math.max(0, t));
    if (ready()) audio.currentTime = to;
    state.tell('time', to);
  }
  function draw() {
    if (wave) wave.destroy();
    wave = globalThis.WaveSurfer.create({
      container: box, height: 56, peaks: [peaks], duration: state.duration, normalize: true, cursorWidth: 0, barWidth: 2, barGap: 1,
      barRadius: 1, waveColor: colour('wave'), progressColor: colour('accent'), hideScrollbar: true, interact: false,
    });
    wave.setTime(audio.currentTime || 0);
  }
  function opened() {
    const there = ready();
    play.disabled = !there;
    ask.hidden = there;
  }
  function open(url) {
    audio.src = url;
    opened();
  }
  for (const [event, text] of [['play', 'Pause'], ['pause', 'Play']])
    audio.addEventListener(event, () => { play.setAttribute('aria-label', text); play.classList.toggle('playing', !audio.paused); });
  /* While it plays the marks move with every frame: timeupdate comes four times a second. */
  function step() {
    state.tell('time', audio.currentTime);
    if (!audio.paused) requestAnimationFrame(step);
  }
  for (const event of ['play', 'seeked', 'timeupdate']) audio.addEventListener(event, () => { if (audio.paused || event === 'play') step(); });
  pick.addEventListener('change', () => {
    if (!pick.files.length) return;
    open(URL.createObjectURL(pick.files[0]));
    state.tell('picked', pick.files[0]);
  });
  state.on('seek', seek);
  state.on('time', t => {
    time.textContent = `${clock(t)} / ${clock(state.duration)}`;
    if (wave) wave.setTime(t);
    if (!audio.paused) state.mark(state.at(t), follow.checked);
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  opened();
  draw();
  state.tell('time', 0);
  return {
    controls: [play, time, ask, el('label', { class: 'follow' }, follow, ' follow')],
    open, toggle, seek, now: () => audio.currentTime || 0,
    setPeaks(values) { peaks = values; draw(); },
  };
}
