/** The types of `serve.mjs`, which plain Node reads too. */

export function serveGallery(built: string): Promise<{ readonly address: string; readonly close: () => Promise<void> }>;
