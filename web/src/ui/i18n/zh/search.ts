/** What the search says, in Simplified Chinese. */

import type { search as en } from "../en/search";

export const search: typeof en = {
  title: "搜索",
  words: "要查找的内容",
  placeholder: "要查找的内容",
  room: "房间",
  anyRoom: "我的所有房间",
  from: "发送者",
  fromHint: "用户名、姓名或 me",
  having: "包含",
  anyHaving: "不限",
  withFiles: "含附件",
  withLinks: "含链接",
  withBoth: "含附件和链接",
  after: "不早于",
  before: "早于",
  noDay: "请输入 1970 年之后的完整日期。",
  results: "搜索结果",
  looking: "正在搜索…",
  found_one: "{{count}} 条消息",
  found_other: "{{count}} 条消息",
  atLeast_one: "目前 {{count}} 条消息，从新到旧",
  atLeast_other: "目前 {{count}} 条消息，从新到旧",
  begin: "查找说过的内容",
  beginText: "消息须包含所有关键词，顺序不限。语音的文字稿和 AI 的卡片也会一并查找。",
  nothing: "没有找到",
  nothingText: "试试减少关键词，或换一种说法。",
  nothingFiltered: "没有符合筛选条件的消息，请减少筛选条件。",
  someRoom: "某个房间",
};
