/** Asks, and rejects with the sentence for people where the server says no: what a window of confirmation shows. */

import { sentenceOf } from "../answers";

export async function inWords<T>(asking: Promise<T>): Promise<T> {
  try {
    return await asking;
  } catch (error) {
    throw new Error(sentenceOf(error));
  }
}
