/** 中文词语：AI 正在做什么，由谁提出。 */

import type { turns as en } from "../en/turns";

export const turns: typeof en = {
  askedBy: "{{who}} 提出",
  pressAgain: "这一操作影响较大，请再按一次确认。",
  others_one: "另外 {{count}} 人",
  others_other: "另外 {{count}} 人",
  taints: {
    nlweb: "来自网站",
    web: "来自网页",
    mcp: "来自外部服务器",
    file: "来自含外部内容的文件",
    guest: "来自访客",
    webhook: "来自 Webhook",
  },
  stopping: "正在停止…",
  stopTip: "停止",
  next: "马上开始",
  queued_one: "前面还有 {{count}} 个请求",
  queued_other: "前面还有 {{count}} 个请求",
  steer: "补充一句",
  thought: "思考过程",
  phases: {
    begins: "正在开始…",
    context: "正在阅读房间内容…",
    model: "正在书写…",
    thinks: "正在思考…",
    tool: "正在使用工具…",
    waiting: "正在等待…",
    approval: "等待批准",
  },
  found: "找到的内容",
  moreFound_one: "再显示 {{count}} 项",
  moreFound_other: "再显示 {{count}} 项",
  sources: "来源：",
};
