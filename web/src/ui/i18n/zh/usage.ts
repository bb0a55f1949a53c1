/** What the pane of usage says, in Simplified Chinese. */

import type { usage as en } from "../en/usage";

export const usage: typeof en = {
  mayNotSee: "访客看不到 AI 的用量。",
  thisMonth: "本月",
  tokens_one: "{{number}} 词元",
  tokens_other: "{{number}} 词元",
  inOut: "输入 {{in}} 词元（其中 {{cached}} 来自缓存），输出 {{out}}",
  calls_one: "{{count}} 次模型调用",
  calls_other: "{{count}} 次模型调用",
  unpriced_one: "有 {{count}} 次调用价格未知，未计入总额。",
  unpriced_other: "有 {{count}} 次调用价格未知，未计入总额。",
  over: "比预留多用了 {{number}} 词元。",
  forecast: "照此速度，本月将达到 {{amount}}：按已用量和本月已过的 {{elapsed}}（UTC）推算。",
  perDay: "按天",
  caps: "上限",
  noCaps: "这个房间以及你在其中都没有设置上限。",
  setBudget: "设置上限",
  setBudgetHint: "留空表示不设上限。多个上限中以最严格的为准。日和月均按 UTC 计算。",
  whose: { total: "整个房间", per_asker: "每位提问者" },
  capNames: {
    tokens_per_day: "每日词元",
    tokens_per_month: "每月词元",
    micros_per_day: "每日金额（{{currency}}）",
    micros_per_month: "每月金额（{{currency}}）",
  },
  noCap: "不限",
  notAnAmount: "请填写数字，例如 200000 或 1.50。",
  scopes: {
    server: "服务器",
    asker: "你在这台服务器上",
    room: "房间",
    room_asker: "你在这个房间里",
  },
  periods: { day: "今天", month: "本月" },
  capLabel: "{{scope}}，{{period}}",
  usedOf: "已用 {{used}}，上限 {{cap}}",
  full: "不再放行",
  by: "用量构成",
  groups: { asker: "成员", model: "模型", ai: "AI" },
  nothing: "本月还没有用量。",
};
