/** What everything is made of, in one look. */

import { Copy, Inbox, Pencil, Plus, Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { Avatar } from "../src/ui/Avatar";
import { Badge, CountBadge } from "../src/ui/Badge";
import { Button } from "../src/ui/Button";
import { Confirm } from "../src/ui/Confirm";
import { EmptyState } from "../src/ui/EmptyState";
import { Field, Input, Select, Switch, TextArea } from "../src/ui/Field";
import { IconButton } from "../src/ui/IconButton";
import { Kbd } from "../src/ui/Kbd";
import { Menu, MenuItem, MenuLabel, MenuSeparator } from "../src/ui/Menu";
import { Skeleton } from "../src/ui/Skeleton";
import { Spinner } from "../src/ui/Spinner";
import { TabPanel, Tabs } from "../src/ui/Tabs";
import { toast } from "../src/ui/Toast";

const nothing = () => {};

function Row({ children }: { readonly children: ReactNode }) {
  return <div className="flex flex-wrap items-center gap-2">{children}</div>;
}

function Everything() {
  const [tab, setTab] = useState<"one" | "two">("one");
  const [isOn, setOn] = useState(true);
  return (
    <main className="mx-auto flex max-w-2xl flex-col gap-5 p-6">
      <h1 className="text-display font-semibold">Primitives</h1>
      <Row>
        <Button variant="primary">Approve once</Button>
        <Button icon={<Plus size={16} />}>Secondary</Button>
        <Button variant="ghost">Ghost</Button>
        <Button variant="danger">Deny</Button>
        <Button variant="ai">Ask the AI</Button>
        <Button variant="primary" isBusy>
          Saving
        </Button>
        <Button disabled>Disabled</Button>
        <Button size="sm">Small</Button>
      </Row>
      <Row>
        <IconButton label="Edit" icon={<Pencil size={16} />} />
        <IconButton label="Copy" variant="secondary" icon={<Copy size={16} />} />
        <IconButton label="Add" variant="primary" icon={<Plus size={16} />} />
        <IconButton label="Delete" variant="danger" icon={<Trash2 size={16} />} />
        <Badge>Owner</Badge>
        <Badge tone="ai">AI</Badge>
        <Badge tone="ok">Ran</Badge>
        <Badge tone="warn">Asking</Badge>
        <Badge tone="danger">Failed</Badge>
        <Badge tone="accent">New</Badge>
        <CountBadge count={3} label="3 mentions" />
        <CountBadge count={120} tone="neutral" label="120 unread" />
        <Kbd keys="Mod+K" />
        <Spinner />
      </Row>
      <Row>
        <Avatar name="Mei Lin" size="lg" />
        <Avatar name="Sam" isOnline />
        <Avatar name="林悦" />
        <Avatar name="DeepSeek" isAi />
        <Avatar name="Jordan Okafor" size="sm" />
        <Avatar name="Ana" size="xs" />
      </Row>
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="Name" hint="How others see it.">
          <Input placeholder="deploy-room" />
        </Field>
        <Field label="Name" error="A room needs a name.">
          <Input defaultValue=" " />
        </Field>
        <Field label="Role">
          <Select
            value="member"
            onChange={nothing}
            options={[
              { value: "member", label: "Member" },
              { value: "admin", label: "Admin" },
            ]}
          />
        </Field>
        <Field label="Topic">
          <TextArea rows={2} defaultValue="Releases, staging" />
        </Field>
      </div>
      <Switch label="Guests may post" hint="They leave when their time is up." isOn={isOn} onChange={setOn} />
      <Switch label="AIs may read web pages" isOn={false} onChange={nothing} />
      <Tabs
        label="Views"
        value={tab}
        onChange={setTab}
        items={[
          { value: "one", label: "Context" },
          { value: "two", label: "Members" },
        ]}
      >
        <TabPanel value="one" className="py-3">
          <Skeleton className="h-3 w-64" />
        </TabPanel>
        <TabPanel value="two">…</TabPanel>
      </Tabs>
      <EmptyState icon={<Inbox size={22} />} title="Nothing yet" actions={<Button variant="primary">Make one</Button>}>
        What would be here, in a sentence.
      </EmptyState>
    </main>
  );
}

export const states: Record<string, () => ReactNode> = {
  everything: () => <Everything />,
  confirm: () => (
    <Confirm
      isOpen
      onOpenChange={nothing}
      isDanger
      title="Leave deploy-room?"
      description="You no longer see what is said there."
      action="Leave the room"
      onConfirm={() => Promise.resolve()}
    />
  ),
  menu: () => (
    <main className="flex justify-center pt-24">
      <h1 className="sr-only">Menu</h1>
      <Menu isOpen trigger={<Button>Menu</Button>}>
        <MenuLabel>Message</MenuLabel>
        <MenuItem icon={<Copy size={16} />} onSelect={nothing}>
          Copy
        </MenuItem>
        <MenuItem icon={<Pencil size={16} />} shortcut="e" onSelect={nothing}>
          Edit
        </MenuItem>
        <MenuSeparator />
        <MenuItem isDanger icon={<Trash2 size={16} />} onSelect={nothing}>
          Delete
        </MenuItem>
      </Menu>
    </main>
  ),
  toast: () => {
    queueMicrotask(() => {
      toast("The address was copied.", { tone: "ok" });
      toast("The file is too big: at most 100 MB.", {
        tone: "danger",
        action: { label: "Choose another", onPress: nothing },
      });
    });
    return (
      <main className="h-dvh">
        <h1 className="sr-only">Toasts</h1>
      </main>
    );
  },
};
