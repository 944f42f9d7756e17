/* The five emotions to the eye: a colour that the colour-blind tell apart (after M. Okabe and K. Ito, "Color Universal
   Design", 2008), and always a letter or a hatching beside it. */
import { el, svg } from './dom.js';

export const EMOTIONS = ['sad', 'happy', 'angry', 'neutral', 'non-neutral'];
export const LETTER = { sad: 'S', happy: 'H', angry: 'A', neutral: 'N', 'non-neutral': 'X', none: '?' };
const HATCH = { sad: 'M0 3H6', angry: 'M0 6L6 0', happy: 'M3 2.9V3.1', 'non-neutral': 'M3 0V6' };

export const emotionOf = u => (u.emotion ? u.emotion.label : 'none');
export const leading = p => EMOTIONS.reduce((a, b) => (p[b] > p[a] ? b : a));
export const emotionName = name => (name === 'none' ? 'not judged' : name);

export function badge(name, ...more) {
  return el('span', { class: 'badge' }, el('span', { class: 'letter e-' + name, 'aria-hidden': 'true' }, LETTER[name]),
    emotionName(name), more);
}

/* Definitions for svg: fill="url(#h-sad)" over the colour. */
export function hatchings() {
  return svg('defs', {}, ...EMOTIONS.map(name => {
    const p = svg('pattern', { id: 'h-' + name, width: 6, height: 6, patternUnits: 'userSpaceOnUse' });
    if (HATCH[name]) p.append(svg('path', { d: HATCH[name], class: 'hatching', 'stroke-width': name === 'happy' ? 2.4 : 1.2 }));
    return p;
  }));
}

export const colour = name => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();

/* The same for a canvas. */
export function canvasFill(context, name) {
  const size = 6 * devicePixelRatio, tile = document.createElement('canvas');
  tile.width = tile.height = size;
  const c = tile.getContext('2d');
  c.fillStyle = colour(name);
  c.fillRect(0, 0, size, size);
  if (HATCH[name]) {
    c.scale(devicePixelRatio, devicePixelRatio);
    c.strokeStyle = colour('hatch');
    c.lineWidth = name === 'happy' ? 2.4 : 1.2;
    c.lineCap = 'round';
    c.stroke(new Path2D(HATCH[name]));
  }
  return context.createPattern(tile, 'repeat');
}

/* Five bars with names and figures. */
export function bars(probabilities) {
  return el('div', { class: 'bars' }, EMOTIONS.flatMap(name => {
    const p = Math.round(probabilities[name] * 100) + ' %';
    return [badge(name), el('div', { class: 'track', role: 'img', 'aria-label': name + ' ' + p },
      el('div', { class: 'e-' + name, 'width%': probabilities[name] * 100 })), el('span', { class: 'figure' }, p)];
  }));
}

/* One bar of five parts. */
export function stack(what, probabilities) {
  const share = name => Math.round(probabilities[name] * 100) + ' %';
  return el('div', { class: 'stack', role: 'img', 'aria-label': what + ': ' + EMOTIONS.map(e => e + ' ' + share(e)).join(', ') },
    EMOTIONS.map(e => el('div', { class: 'hatched e-' + e, 'width%': probabilities[e] * 100, title: e + ' ' + share(e) })));
}
