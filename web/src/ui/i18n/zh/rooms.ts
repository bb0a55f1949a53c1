/** What the list of rooms says, in Simplified Chinese. */

import type { rooms as en } from "../en/rooms";

export const rooms: typeof en = {
  search: "搜索或跳转",
  rooms: "房间",
  direct: "私信",
  archived: "已归档",
  newRoom: "新建房间",
  newDirect: "新建私信",
  loading: "正在加载房间列表。",
  empty: "你还没有加入任何房间。",
  noDirect: "暂无私信",
  unread_one: "{{count}} 条未读消息",
  unread_other: "{{count}} 条未读消息",
  mentions_one: "{{count}} 条提及",
  mentions_other: "{{count}} 条提及",
  aiWorking: "AI 正在工作",
  needsApproval: "AI 需要批准",
  marked: "已标为未读",
  muted: "已静音",
  draft: "草稿",
  ai: "ai",
  approval: "待批准",
  room: {
    title: "新建房间",
    text: "你将成为所有者。添加或邀请后，其他人才能进入。",
    name: "名称",
    namePlaceholder: "部署协作",
    nameMissing: "房间需要一个名称。",
    topic: "主题",
    topicPlaceholder: "这个房间讨论什么？",
    withAi: "加入一位 AI 成员",
    withAiHint: "有人提及它时，它会回答。之后可随时更改。",
    create: "新建房间",
  },
};
