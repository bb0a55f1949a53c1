/** When a page stands still: what is shown may be loaded in parts, and a list is shown once its rows have their heights. */

/** So many frames without a change of the page. */
const STILL_FRAMES = 6;
/** Something may run all the time, as a clock. */
const MOST_FRAMES = 300;

export function still(): Promise<void> {
  return new Promise((resolve) => {
    let quiet = 0;
    let left = MOST_FRAMES;
    const changes = new MutationObserver(() => {
      quiet = 0;
    });
    changes.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    const look = () => {
      left -= 1;
      const isMoving = document.getAnimations().length > 0;
      const isLaidOut = document.querySelector("[role=log][aria-busy=true]") === null;
      quiet = isLaidOut && !isMoving ? quiet + 1 : 0;
      if (quiet < STILL_FRAMES && left > 0) {
        requestAnimationFrame(look);
        return;
      }
      changes.disconnect();
      resolve();
    };
    requestAnimationFrame(look);
  });
}
