/** When what has come is shown: with the next frame, or after a moment where there is none. */

/** A page that nobody sees is given no frames; what it counts and tells must go on. */
const NO_FRAME_MS = 250;

export function withNextFrame(run: () => void): void {
  const once = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    run();
  };
  const frame = requestAnimationFrame(once);
  const timer = setTimeout(once, NO_FRAME_MS);
}
