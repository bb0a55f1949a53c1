/** Reads the form of server-sent events (text/event-stream) from pieces of text, cut anywhere. */

export class EventStream {
  private line = "";
  private data: string[] = [];
  private isAtStart = true;
  private wasReturn = false;

  /** The data of the events that this piece completes. */
  push(piece: string): string[] {
    const whole: string[] = [];
    let text = piece;
    if (text === "") return whole;
    if (this.isAtStart) {
      this.isAtStart = false;
      if (text.startsWith("\uFEFF")) text = text.slice(1);
    }
    // A return has ended its line already; the newline that belongs to it came with the next piece.
    if (this.wasReturn && text.startsWith("\n")) text = text.slice(1);
    this.wasReturn = text.endsWith("\r");
    const lines = (this.line + text).split(/\r\n|\n|\r/);
    this.line = lines.pop() ?? "";
    for (const line of lines) {
      if (line !== "") this.take(line);
      else if (this.data.length > 0) {
        whole.push(this.data.join("\n"));
        this.data = [];
      }
    }
    return whole;
  }

  private take(line: string): void {
    const colon = line.indexOf(":");
    // A line that begins with a colon is a comment.
    const field = colon < 0 ? line : line.slice(0, colon);
    if (field !== "data") return;
    const value = colon < 0 ? "" : line.slice(colon + 1);
    this.data.push(value.startsWith(" ") ? value.slice(1) : value);
  }
}
