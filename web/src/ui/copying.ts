/** Puts a text on the clipboard, also where the page came over plain HTTP and has no clipboard of its own. */

export async function copyText(text: string): Promise<void> {
  // The types say that it is always there.
  const clipboard: Clipboard | undefined = navigator.clipboard;
  if (clipboard !== undefined) return clipboard.writeText(text);
  let isCopied = false;
  const copy = (event: ClipboardEvent) => {
    event.clipboardData?.setData("text/plain", text);
    event.preventDefault();
    event.stopImmediatePropagation();
    isCopied = true;
  };
  document.addEventListener("copy", copy, { capture: true, once: true });
  // The old way, which asks for no permission: what the listener gives is copied, whatever is selected.
  document.execCommand("copy");
  document.removeEventListener("copy", copy, true);
  if (!isCopied) throw new Error("this browser does not let the page copy");
}
