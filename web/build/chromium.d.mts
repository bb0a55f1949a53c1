/** Where Chromium is on this machine and how it is started, for those that read it typed. */
export declare const CHROMIUM: string | undefined;
export declare const FLAGS: readonly string[];
