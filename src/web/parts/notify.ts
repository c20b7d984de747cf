// Notifications of the system, where the person wants them, and a short soft sound.

import { change, settings } from '../state/settings';

const QUIET_MS = 1500; // between two sounds

const supported = (): boolean => 'Notification' in window;

/** Only from a click: browsers ask the person then. What became of it, for a person. */
export async function askToNotify(): Promise<{ on: boolean; words: string }> {
  if (!supported()) return { on: false, words: 'This browser has no notifications.' };
  const answer = await Notification.requestPermission();
  const on = answer === 'granted';
  change({ notify: on });
  return { on, words: on ? 'Notifications are on.' : 'The browser does not allow notifications of this page.' };
}

export const mayNotify = (): boolean =>
  settings.get().notify && supported() && Notification.permission === 'granted';

const open = new Map<string, Notification>();
const MOST_OPEN = 50;

/** One of the same tag takes the place of another. */
export function notify(tag: string, title: string, body: string, clicked: () => void): void {
  if (!mayNotify()) return;
  let n: Notification;
  try {
    n = new Notification(title, { body, tag });
  } catch {
    return; // some browsers have them for service workers only
  }
  const [oldest] = open.keys();
  if (open.size >= MOST_OPEN && oldest !== undefined) open.delete(oldest);
  open.set(tag, n);
  n.onclick = () => {
    window.focus();
    n.close();
    clicked();
  };
  n.onclose = () => {
    if (open.get(tag) === n) open.delete(tag);
  };
}

export function unnotify(tag: string): void {
  open.get(tag)?.close();
  open.delete(tag);
}

let audio: AudioContext | null = null;
let last = 0;

/** Two soft notes. Silent until the person has touched the page, as browsers will have it. */
export function chime(): void {
  const now = performance.now();
  if (!settings.get().sound || (last && now - last < QUIET_MS)) return;
  last = now;
  audio ??= new AudioContext();
  if (audio.state === 'suspended') void audio.resume();
  const at = audio.currentTime;
  note(audio, 659, at);
  note(audio, 880, at + 0.09);
}

function note(to: AudioContext, hertz: number, at: number): void {
  const tone = to.createOscillator();
  const gain = to.createGain();
  tone.frequency.value = hertz;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(0.06, at + 0.01);
  gain.gain.exponentialRampToValueAtTime(0.0005, at + 0.3);
  tone.connect(gain).connect(to.destination);
  tone.start(at);
  tone.stop(at + 0.32);
}
