/** Comma-separated values as RFC 4180 writes them: quoted fields, doubled quotes, line breaks within quotes. */

/** Reads at most `most` rows. What is not well-formed is read as it stands rather than refused. */
export function readCsv(text: string, separator: string, most: number): readonly (readonly string[])[] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = "";
  let isQuoted = false;
  let place = text.startsWith("\ufeff") ? 1 : 0;
  const endRow = () => {
    row.push(field);
    field = "";
    rows.push(row);
    row = [];
  };
  while (place < text.length && rows.length < most) {
    const sign = text.charAt(place);
    place += 1;
    if (isQuoted) {
      if (sign !== '"') field += sign;
      else if (text.charAt(place) === '"') {
        field += '"';
        place += 1;
      } else isQuoted = false;
    } else if (sign === '"' && field === "") isQuoted = true;
    else if (sign === separator) {
      row.push(field);
      field = "";
    } else if (sign === "\n") endRow();
    else if (sign === "\r") {
      if (text.charAt(place) === "\n") place += 1;
      endRow();
    } else field += sign;
  }
  if (rows.length < most && (field !== "" || row.length > 0)) endRow();
  return rows;
}

/** What most likely separates the fields: what the first line has most of, outside quotes. */
export function separatorOf(text: string): string {
  const first = (text.split(/\r?\n/, 1)[0] ?? "").replace(/"[^"]*"/g, "");
  const counts = [",", ";", "\t"].map((sign) => ({ sign, count: first.split(sign).length }));
  return counts.reduce((best, one) => (one.count > best.count ? one : best)).sign;
}
