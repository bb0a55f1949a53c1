/** The days of a week, as schedules number them: 1 is Monday. */

const NAMES = ["1", "2", "3", "4", "5", "6", "7"] as const;
export const DAYS: readonly number[] = [1, 2, 3, 4, 5, 6, 7];

export function dayName(day: number): (typeof NAMES)[number] {
  return NAMES[day - 1] ?? "1";
}
