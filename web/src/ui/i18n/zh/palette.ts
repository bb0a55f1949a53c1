/** What the palette says, in Simplified Chinese. */

import type { palette as en } from "../en/palette";

export const palette: typeof en = {
  title: "快速跳转",
  input: "输入房间、成员、操作或消息内容，支持拼音首字母",
  rooms: "房间",
  people: "成员",
  actions: "操作",
  messages: "消息",
  searchFor: "在所有消息中搜索“{{words}}”",
  searchHere: "在当前房间搜索“{{words}}”",
  nothing: "没有匹配的内容。",
  looking: "正在搜索消息…",
  unread_one: "{{count}} 条未读",
  unread_other: "{{count}} 条未读",
  archived: "已归档",
  roomSettings: "当前房间的设置",
  members: "成员：添加或邀请",
  files: "当前房间的文件",
  context: "AI 在当前房间知道什么",
  terminal: "终端：当前房间的命令",
  usage: "当前房间的用量与预算",
  account: "我的账号",
  copyAddress: "复制当前页面地址",
  copied: "地址已复制。",
  hint: { move: "移动", open: "打开", close: "关闭" },
};
