/** What the pane of commands says, in Simplified Chinese. */

import type { terminal as en } from "../en/terminal";

export const terminal: typeof en = {
  mayNotSee: "访客看不到这个房间运行的内容。",
  empty: "还没有命令",
  emptyHint: "AI 在房间沙箱中运行的命令会实时显示在这里，所有人都能看到。",
  commands: "房间的命令",
  askedBy: "请求者",
  hidden: "这条命令不对你显示。",
  emptied: "相关消息已被删除，内容已清空。",
  outputOf: "{{command}} 的输出",
  linesLeftOut_one: "省略了前面 {{number}} 行",
  linesLeftOut_other: "省略了前面 {{number}} 行",
  earlierLeftOut: "省略了较早的输出",
  exit: "退出码 {{status}}",
  paused: "已暂停，继续跟随",
  toEnd: "到末尾",
  states: {
    waiting: "等待中",
    asking: "等待批准",
    running: "运行中",
    ok: "完成",
    failed: "失败",
    denied: "已拒绝",
    expired: "无人及时决定",
    ended: "所在的轮次已先结束",
  },
  jobs: "后台任务",
  jobStates: { running: "运行中", ended: "已结束", stopped: "已停止", failed: "失败" },
  printed: "已输出 {{bytes}}",
  silent: "没有任何输出。",
  modes: {
    strict: "命令在房间专属的沙箱中运行，没有网络。",
    landlock: "命令在没有网络的沙箱中运行，严格程度低于最高级别。",
    off: "这台服务器无法将命令限制在沙箱中，因此命令功能已关闭。",
  },
};
