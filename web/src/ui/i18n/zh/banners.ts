/** What the lines above the room say about the connection, in Simplified Chinese. */

import type { banners as en } from "../en/banners";

export const banners: typeof en = {
  connecting: "正在连接…",
  reconnecting: "连接已断开。{{clock}} 后重试（第 {{attempt}} 次）。",
  reconnectingNow: "连接已断开。正在重试（第 {{attempt}} 次）。",
  keepsWriting: "可以继续撰写：恢复连接后，消息会按顺序发出。",
  restarting: "服务器正在重启，很快就会恢复。",
  offline: "此设备已离线。",
  retryNow: "立即重试",
  online: "已恢复连接。",
  onlineSent_one: "已恢复连接，等待中的 {{count}} 条消息已发出。",
  onlineSent_other: "已恢复连接，等待中的 {{count}} 条消息已发出。",
  signedOut: "你已退出登录。",
  disabled: "此账号已被停用。可以向服务器的运维人员了解原因。",
  tooMany: "此账号打开的窗口过多。请关闭其中一个，再重新连接。",
  signIn: "重新登录",
  connectAgain: "重新连接",
  demo: "{{name}} 是内置演示：尚未连接任何模型。",
  demoHow: "连接模型",
  demoClose: "不再显示此提示",
  silent: "{{name}} 暂时无法回答：服务器上没有可供它使用的模型。",
  silentHow: "AI 设置",
  archived: "此房间已归档：可以阅读，但不能再添加内容。",
  guestMayNotPost: "访客在这里只能阅读，成员才能发言。",
  updated: "页面有新版本。",
  reload: "加载新版本",
};
