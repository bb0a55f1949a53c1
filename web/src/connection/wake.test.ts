// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { onWake } from "./wake";

test("the network that is back and the page that is looked at wake; the network that is gone is told apart", () => {
  const told: string[] = [];
  const end = onWake(
    () => told.push("back"),
    () => told.push("gone"),
  );
  window.dispatchEvent(new Event("online"));
  window.dispatchEvent(new Event("offline"));
  Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
  Object.defineProperty(document, "visibilityState", { value: "visible", configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
  expect(told).toEqual(["back", "gone", "back"]);
  end();
  window.dispatchEvent(new Event("online"));
  document.dispatchEvent(new Event("visibilitychange"));
  expect(told).toHaveLength(3);
});
