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
  files: "附件",
  anyFiles: "不限",
  withFiles: "含附件",
  before: "早于",
  results: "搜索结果",
  looking: "正在搜索…",
  found_one: "{{count}} 条消息",
  found_other: "{{count}} 条消息",
  atLeast_one: "目前 {{count}} 条消息，从新到旧",
  atLeast_other: "目前 {{count}} 条消息，从新到旧",
  looked_one: "共查看 {{count}} 条含关键词的消息",
  looked_other: "共查看 {{count}} 条含关键词的消息",
  begin: "查找说过的内容",
  beginText: "消息须包含所有关键词，顺序不限。语音的文字稿和 AI 的卡片也会一并查找。",
  wordsToo: "请至少输入一个关键词，筛选条件会在匹配的消息中生效。",
  nothing: "没有找到",
  nothingText: "试试减少关键词，或换一种说法。",
  nothingFiltered_one: "有 {{count}} 条消息含关键词，但都不符合筛选条件。",
  nothingFiltered_other: "已查看 {{count}} 条含关键词的消息，都不符合筛选条件。",
  someRoom: "某个房间",
};
