/* The microphone, as a file. */
import { clock } from '../components/dom.js';

export function setUpRecorder(recorded, failed) {
  const button = document.getElementById('record'), text = document.getElementById('record-text');
  const time = document.getElementById('record-time'), level = document.getElementById('level');
  let running = null;

  async function start() {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false } });
    const recorder = new MediaRecorder(stream), pieces = [], began = performance.now();
    const context = new AudioContext(), analyser = context.createAnalyser(), samples = new Float32Array(analyser.fftSize);
    context.createMediaStreamSource(stream).connect(analyser);
    const timer = setInterval(() => {
      time.textContent = clock((performance.now() - began) / 1000);
      analyser.getFloatTimeDomainData(samples);
      level.value = Math.min(1, 2 * samples.reduce((m, s) => Math.max(m, Math.abs(s)), 0));
    }, 100);
    recorder.addEventListener('dataavailable', e => pieces.push(e.data));
    recorder.addEventListener('stop', () => {
      clearInterval(timer);
      context.close();
      stream.getTracks().forEach(t => t.stop());
      show(false);
      recorded(new File(pieces, recorder.mimeType.includes('webm') ? 'recording.webm' : 'recording.ogg', { type: recorder.mimeType }));
    });
    recorder.start(1000);
    running = recorder;
    show(true);
  }
  function show(on) {
    button.classList.toggle('recording', on);
    text.textContent = on ? 'Stop and analyse' : 'Record from the microphone';
    level.hidden = !on;
    if (!on) { running = null; time.textContent = ''; }
  }
  button.addEventListener('click', () => {
    if (running) { running.stop(); return; }
    if (!navigator.mediaDevices) { failed(new Error('The browser gives the microphone to https pages and this machine\u2019s own alone.')); return; }
    start().catch(problem => failed(new Error(problem.name === 'NotAllowedError' ? 'The browser was told not to give the microphone to this page.' : 'No microphone could be opened: ' + problem.message)));
  });
}
