/** Where Chromium is on this machine, for those that read it typed. */
export declare const CHROMIUM: string | undefined;
