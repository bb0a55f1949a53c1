/** Ends what a file of tests began, however its tests went. */

type Begun = { stop(): unknown } | { close(): unknown };

/**
 * Each of them in this order, also where the one before cannot be ended or one was never begun: a server or a browser
 * that goes on takes its memory from all tests after it.
 */
export async function ended(...begun: readonly (Begun | undefined)[]): Promise<void> {
  const [one, ...rest] = begun;
  try {
    if (one !== undefined) await ("stop" in one ? one.stop() : one.close());
  } finally {
    if (rest.length > 0) await ended(...rest);
  }
}
