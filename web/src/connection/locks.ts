/** One at a time among the pages of this browser; without Web Locks (a page over plain HTTP) among those of this page. */

export type Locks = <T>(name: string, run: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

export function pageLocks(): Locks {
  const manager = typeof navigator === "undefined" ? undefined : navigator.locks;
  // The key of a message keeps it from being stored twice, whoever sends it.
  if (manager === undefined) return (_name, run) => run();
  return (name, run, signal) => manager.request(name, signal === undefined ? {} : { signal }, run);
}
