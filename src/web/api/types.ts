// Made from schema.json by types.mjs: do not edit. npm run types makes it again.

/** What "error" may be in an answer. */
export type ErrorCode =
  | 'ambiguous'
  | 'answered'
  | 'answers_full'
  | 'bad_event'
  | 'bad_flow'
  | 'bad_id'
  | 'bad_id_format'
  | 'bad_job'
  | 'bad_json'
  | 'bad_length'
  | 'bad_method'
  | 'bad_offset'
  | 'bad_params'
  | 'bad_pattern'
  | 'bad_query'
  | 'bad_range'
  | 'bad_request'
  | 'body_timeout'
  | 'busy'
  | 'cannot_start'
  | 'closed'
  | 'ended'
  | 'forbidden'
  | 'header_timeout'
  | 'headers_too_large'
  | 'idle'
  | 'input_full'
  | 'job_pane'
  | 'length_required'
  | 'line_gone'
  | 'name_taken'
  | 'no_approval'
  | 'no_command'
  | 'no_input'
  | 'no_keeper'
  | 'no_resources'
  | 'no_session'
  | 'no_space'
  | 'no_stream'
  | 'no_such_channel'
  | 'no_such_flow'
  | 'no_such_job'
  | 'no_such_lines'
  | 'no_such_pane'
  | 'no_such_permission'
  | 'no_such_place'
  | 'no_such_session'
  | 'no_such_step'
  | 'no_such_token'
  | 'no_such_watch'
  | 'no_terminal'
  | 'no_tmux'
  | 'no_worker'
  | 'not_found'
  | 'not_read'
  | 'not_readable'
  | 'not_recorded'
  | 'not_running'
  | 'not_saved'
  | 'not_tmux'
  | 'not_waiting'
  | 'not_written'
  | 'offset'
  | 'other_pane'
  | 'pane_exited'
  | 'output_removed'
  | 'queue_full'
  | 'read_only'
  | 'refused'
  | 'running'
  | 'session_removed'
  | 'starting'
  | 'stopping'
  | 'store_unavailable'
  | 'timeout'
  | 'token_file'
  | 'too_large'
  | 'too_many'
  | 'too_many_attempts'
  | 'too_many_connections'
  | 'too_many_flows'
  | 'too_many_gaps'
  | 'too_many_panes'
  | 'too_many_readers'
  | 'too_many_requests'
  | 'too_many_searches'
  | 'too_many_streams'
  | 'too_many_tokens'
  | 'too_many_waits'
  | 'too_many_watches'
  | 'too_much'
  | 'unauthorised'
  | 'unknown_format';

/** RFC 3339, in UTC. */
export type Time = string;

/** From and to, in bytes of UTF-8. */
export type Span = [number, number];

/** The first and the last. */
export type Extent = [number, number];

/** What was refused. */
export interface Refusal {
  /** One of "errors". */
  error: string;
  /** For a person. */
  message: string;
}

/** A pattern that is none. */
export interface BadPattern extends Refusal {
  error: 'bad_pattern';
  /** In the pattern. */
  offset: number;
  /** Which pattern, from 0 on, where there are several. */
  which: number;
}

/** A flow that cannot be. */
export interface BadFlow extends Refusal {
  error: 'bad_flow';
  /** The step that is wrong; null: the whole. Not there where it is the definition on record. */
  step?: string | null;
}

/** A piece that does not begin where the channel ends. */
export interface BadOffset extends Refusal {
  error: 'offset';
  /** The channel's end. */
  offset: number;
}

/** A refusal of the older search. */
export interface OlderError extends Refusal {
  error: 'bad_params' | 'bad_id_format' | 'bad_query';
  details: string;
}

/** What the daemon cannot do for now. */
export interface Alarm {
  alarm: 'store_full' | 'store_disabled' | 'store_damaged' | 'archive_full';
  message: string;
}

/** Is the daemon well. */
export interface Health {
  status: 'ok' | 'alarm' | 'stopping';
  alarms: Alarm[];
  version: string;
  panes: number;
  uptime_s: number;
}

/** The agent that waits first. */
export interface AgentFirst {
  pane: string;
  agent: string;
  state: SessionState;
  title: string | null;
}

/** Panes with an agent, by its state. */
export interface StatusAgents {
  working: number;
  waiting_input: number;
  waiting_permission: number;
  first: AgentFirst | null;
}

export interface StatusJobs {
  running: number;
  queued: number;
  failed_recently: boolean;
}

/** Numbers for a status bar. */
export interface Status {
  panes: number;
  exited: number;
  viewers: number;
  watches: number;
  fired: number;
  alarms: number;
  agents: StatusAgents;
  jobs: StatusJobs;
  collisions: number;
}

export interface Route {
  method: 'GET' | 'POST' | 'DELETE';
  /** A segment with a colon is any one. */
  path: string;
  access: 'open' | 'read_only' | 'read_write' | 'local';
  max_body: number;
  help: string;
}

export interface Socket {
  path: string;
  subprotocol: string;
  max_message: number;
}

/** Everything that can be asked for, as the daemon's own tables have it. */
export interface Routes {
  routes: Route[];
  sockets: Socket[];
}

export interface StoreInfo {
  state: 'opening' | 'ready' | 'full' | 'disabled';
  cause: string | null;
  set_aside: string | null;
  queued: number;
  bytes: number;
  dropped: number;
}

export interface ArchiveInfo {
  state: 'opening' | 'ready' | 'full' | 'off';
  cause: string | null;
  bytes: number;
  records: number;
  oldest: Time | null;
  lines_missing: number;
  damaged: number;
}

export interface TmuxServer {
  socket: string;
  prefix: string;
  state: 'absent' | 'looking' | 'connected' | 'stopped' | 'capture' | 'too_old';
  version: string | null;
  sessions: number;
  panes: number;
  message: string | null;
}

export interface TmuxInfo {
  mode: 'on' | 'off' | 'capture';
  servers: TmuxServer[];
}

/** How far the transcripts of agents have been read. */
export interface SessionsInfo {
  enabled: boolean;
  settled: boolean;
  settled_ms: number | null;
  files: number;
  bytes_read: number;
  passed_over: number;
}

export interface KeeperInfo {
  pid: number;
  uptime_s: number;
  restarts: number;
  upgrades: number;
  upgrades_failed: number;
  last_failure: string | null;
  panes: number;
  jobs: number;
  open_descriptors: number;
  resident_bytes: number;
}

export interface LimitsInfo {
  panes: number;
  viewers: number;
  ring_bytes: number;
  history_lines: number;
  history_bytes: number;
}

/** What the daemon is, holds and allows. */
export interface Info {
  version: string;
  /** The name of its machine. */
  host: string;
  /** What the token may. */
  access: 'read_write' | 'read_only';
  /** The worker's. */
  pid: number;
  panes_restored: number;
  panes_lost: number;
  store: StoreInfo;
  archive: ArchiveInfo;
  /** Unless it was started with --no-tmux. */
  tmux?: TmuxInfo;
  sessions: SessionsInfo;
  uptime_s: number;
  port: number;
  auth: boolean;
  tls: boolean;
  socket: string | null;
  state_dir: string | null;
  panes_running: number;
  panes_exited: number;
  viewers: number;
  resident_bytes: number;
  pane_bytes: number;
  open_descriptors: number;
  libwebsockets: string;
  libuv: string;
  limits: LimitsInfo;
  keeper: KeeperInfo | null;
}

export interface Upgrade {
  /** The worker that is to be replaced. */
  pid: number;
}

/** The agent that is at work in a pane. */
export interface PaneAgent {
  /** Its number. */
  session: number;
  agent: string;
  state: SessionState;
  title: string | null;
  since: Time | null;
}

/** Where a pane of tmux is. */
export interface PaneTmux {
  session: string;
  window: number;
  pane: number;
  window_name: string;
  socket: string;
}

export interface Pane {
  id: string;
  kind: 'native' | 'tmux' | 'job';
  name: string | null;
  title: string | null;
  command: string[];
  /** What runs in the foreground. */
  program: string | null;
  cwd: string | null;
  pid: number;
  cols: number;
  rows: number;
  state: 'running' | 'exited';
  /** 128 and the number of a signal that ended it. */
  exit_status: number | null;
  /** Bytes that it has written. */
  offset: number;
  /** The first of them that is still there. */
  ring_start: number;
  first_line: number;
  last_line: number;
  viewers: number;
  created: Time;
  last_activity: Time;
  agent: PaneAgent | null;
  tmux?: PaneTmux;
  /** Of a channel of a job. */
  job?: string;
  channel?: number;
}

export interface Panes {
  panes: Pane[];
  alarms: Alarm[];
  /** What the token may. */
  access: 'read_write' | 'read_only';
  /** The one pane that the token is for; null: it is for everything. */
  only: string | null;
}

export interface Cursor {
  x: number;
  y: number;
  visible: boolean;
}

export interface Run {
  /** In bytes of the text's UTF-8. */
  len: number;
  style: number;
}

export interface Line {
  /** null on the alternate screen. */
  line: number | null;
  /** null while it is on the screen and may still change. */
  time: Time | null;
  text: string;
  /** What is behind them has style 0. */
  runs: Run[];
}

/** A number of the palette, or #rrggbb. */
export type Colour = number | string;

export interface Style {
  id: number;
  fg?: Colour;
  bg?: Colour;
  underline_colour?: Colour;
  bold?: true;
  dim?: true;
  italic?: true;
  blink?: true;
  inverse?: true;
  hidden?: true;
  strike?: true;
  overline?: true;
  underline?: 'single' | 'double' | 'curly' | 'dotted' | 'dashed';
  link?: string;
}

/** A command that the shell marked. */
export interface Command {
  command: string | null;
  prompt_line: number | null;
  start_line: number | null;
  end_line: number | null;
  exit_status: number | null;
  started: Time | null;
  finished: Time | null;
  duration_ms: number | null;
}

export interface Commands {
  commands: Command[];
}

export interface Capture {
  pane: string;
  cols: number;
  rows: number;
  alternate: boolean;
  offset: number;
  first_line: number;
  last_line: number;
  /** The first line of the screen; null on the alternate one. */
  screen_line: number | null;
  cursor: Cursor;
  commands: Command[];
  /** Lines that did not come as output, of a pane of tmux. */
  captured?: Extent[];
  lines: Line[];
  styles: Style[];
}

/** Of a pane that is gone, or what its history has lost. */
export interface ArchiveLines {
  pane: string;
  first_line: number;
  last_line: number;
  lines: Line[];
  styles: Style[];
}

/** A line that matched as it came. */
export interface Sighting {
  pane: string;
  line: number;
  time: Time;
  content: string;
  spans: Span[];
  /** What the groups of the pattern matched. */
  captures: (string | null)[];
}

export interface Match {
  pane: string;
  /** Start of the daemon that had the pane, if that was an earlier one. */
  run?: Time;
  line: number;
  time: Time;
  content: string;
  spans: Span[];
  before: string[];
  after: string[];
  source: 'ring' | 'capture' | 'archive';
}

export interface Found {
  matches: Match[];
  total: number;
  truncated: boolean;
  partial: boolean;
  source: 'ring' | 'capture' | 'archive' | 'mixed';
  scanned_lines: number;
  scanned_bytes: number;
  elapsed_us: number;
}

export interface SessionMatch {
  /** Its number. */
  session: number;
  agent: string;
  /** The agent's own id of it. */
  native: string;
  pane: string | null;
  role: 'user' | 'assistant' | 'thinking' | 'system' | 'tool' | null;
  tool: string | null;
  /** The id of a message; for the role tool, of a trace. */
  message: number;
  field: 'text' | 'input' | 'output';
  hidden: boolean;
  line: number;
  time: Time | null;
  content: string;
  spans: Span[];
  before: string[];
  after: string[];
  source: 'sessions';
}

export interface SessionsFound {
  matches: SessionMatch[];
  total: number;
  truncated: boolean;
  partial: boolean;
  source: 'sessions';
  scanned_lines: number;
  scanned_bytes: number;
  elapsed_us: number;
}

export interface OlderMatch {
  line: number;
  content: string;
  contextBefore: string[];
  contextAfter: string[];
}

export interface OlderFound {
  matches: OlderMatch[];
  total: number;
  truncated: boolean;
  source: 'ring' | 'capture';
}

export type CostSource = 'computed' | 'stated' | 'mixed' | 'unknown';

/** Tokens and cost; null is not known. */
export interface Usage {
  input_tokens: number | null;
  cache_read_tokens: number | null;
  cache_write_5m_tokens: number | null;
  cache_write_1h_tokens: number | null;
  output_tokens: number | null;
  reasoning_tokens: number | null;
  cost_usd: number | null;
  cost_source: CostSource;
}

export interface UsageSum extends Usage {
  /** How much of the input came from a cache, where that is asked for. */
  cache_hit_rate?: number | null;
}

export interface UsageRow extends UsageSum {
  key: string;
  sessions: number;
  /** The same by model, where that was asked for. */
  models?: UsageRow[];
}

export interface UsageReport {
  by: 'day' | 'model' | 'agent' | 'session' | 'project';
  rows: UsageRow[];
  totals: UsageSum;
  unpriced_models: string[];
}

export interface CacheCounts {
  input_tokens: number | null;
  cache_read_tokens: number | null;
  cache_write_tokens: number | null;
  hit_rate: number | null;
  calls: number;
}

export interface CacheRow extends CacheCounts {
  key: string;
  agent?: string | null;
  project?: string | null;
  model?: string | null;
  title?: string | null;
  title_bytes?: number;
  prompt?: string | null;
  prompt_bytes?: number;
}

export interface CacheReport {
  by: 'session' | 'model' | 'prefix';
  rows: CacheRow[];
  totals: CacheCounts;
}

export type SessionState = 'working' | 'waiting_input' | 'waiting_permission' | 'done' | 'failed';

export type Phase = 'idle' | 'connecting' | 'thinking' | 'streaming' | 'awaiting_approval';

export type Role = 'user' | 'assistant' | 'thinking' | 'system';

export type Outcome = 'unknown' | 'ok' | 'failed' | 'interrupted' | 'denied';

export interface Session {
  id: number;
  agent: string;
  /** The agent's own id of it. */
  agent_session: string;
  parent: number | null;
  fork: boolean;
  /** What the agent calls it, else the first prompt. */
  title: string | null;
  /** A directory. */
  project: string | null;
  pane: string | null;
  model: string | null;
  mode: string | null;
  version: string | null;
  branch: string | null;
  state: SessionState | null;
  started: Time | null;
  updated: Time | null;
  turns: number;
  messages: number;
  tool_calls: number;
  /** Of one session, not in lists. */
  usage?: Usage;
}

export interface SessionWhole extends Session {
  usage: Usage;
}

export interface Sessions {
  data: Session[];
  total: number;
  limit: number;
  offset: number;
  /** For the next page; null: this is the last. */
  next_cursor: number | null;
}

export interface Message {
  id: number;
  /** The agent's own id of it; several rows are parts of one. */
  message: string | null;
  part: number;
  turn: number | null;
  role: Role | null;
  /** On an abandoned branch, or said to the model alone. */
  hidden: boolean;
  time: Time | null;
  text: string | null;
  /** The length of a text that was cut. */
  text_bytes?: number;
  truncated?: true;
}

export interface Messages {
  data: Message[];
  total: number;
  limit: number;
  offset: number;
  /** For the next page; null: this is the last. */
  next_cursor: number | null;
}

/** A tool call. */
export interface Tool {
  id: number;
  call: string | null;
  /** The message that asked for it. */
  message: string | null;
  turn: number | null;
  name: string | null;
  input: string | null;
  input_bytes?: number;
  output: string | null;
  output_bytes?: number;
  outcome: Outcome | null;
  started: Time | null;
  finished: Time | null;
  latency_ms: number | null;
  truncated?: true;
}

export interface Tools {
  data: Tool[];
  total: number;
  limit: number;
  offset: number;
  /** For the next page; null: this is the last. */
  next_cursor: number | null;
}

export interface Turn extends Usage {
  turn: number;
  started: Time | null;
  ended: Time | null;
  duration_ms: number | null;
  prompt: string | null;
  prompt_bytes?: number;
  outcome: Outcome | null;
  error: string | null;
  error_bytes?: number;
  tools: number;
  tools_failed: number;
  model: string | null;
  cache_hit_rate: number | null;
  pane: string | null;
  /** Of the pane: what it completed meanwhile. */
  first_line: number | null;
  last_line: number | null;
}

export interface Turns {
  data: Turn[];
  total: number;
  limit: number;
  offset: number;
  /** For the next page; null: this is the last. */
  next_cursor: number | null;
}

export interface ToolLatencies {
  calls: number;
  failed: number;
  median_ms: number | null;
  p95_ms: number | null;
  max_ms: number | null;
  total_ms: number | null;
}

export interface ToolStat extends ToolLatencies {
  name: string | null;
}

export interface ToolStats {
  tools: ToolStat[];
  all: ToolLatencies;
}

/** How many rows of each list come before it. */
export interface Place {
  turn: number | null;
  messages: number;
  traces: number;
}

/** What an agent was at in a pane at a moment. */
export interface TurnAt {
  session: number;
  agent: string;
  agent_session: string;
  title: string | null;
  state: SessionState | null;
  turn: number;
  started: Time | null;
  ended: Time | null;
  outcome: Outcome | null;
  prompt: string | null;
  model: string | null;
}

export interface Moment {
  turn: TurnAt | null;
}

export interface Removed {
  /** How many sessions went. */
  removed: number;
}

export interface Imported {
  stream: string | null;
  offset: number;
  format: string | null;
  lines: number;
  passed_over: number;
  /** Comes with the end. */
  sessions?: number[];
}

export interface Accepted {
  accepted: number;
  repeated: number;
  last_seq: number;
  missing: Extent[];
}

export type ChannelState = 'proposed' | 'streaming' | 'resolved' | 'failed' | 'cancelled';

export interface Channel {
  channel: number;
  name: string | null;
  state: ChannelState;
  bytes: number;
  reason?: string | null;
  exit_status?: number;
  duration_ms?: number;
}

/** One run of the command; a job that is tried again has several. */
export interface Try {
  n: number;
  started: Time | null;
  ended: Time | null;
  exit_status: number | null;
  reason: string | null;
  /** Until the next one. */
  retry_s: number | null;
}

export type JobKind = 'command' | 'session' | 'stream';

export type JobState =
  | 'queued'
  | 'running'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'timed_out'
  | 'orphaned';

/** 0 is none. */
export interface JobLimits {
  idle_timeout_s: number;
  timeout_s: number;
  max_output: number;
  retries: number;
}

export interface Job {
  id: string;
  kind: JobKind;
  state: JobState;
  command: string[];
  cwd: string | null;
  env: Record<string, string>;
  name: string | null;
  correlation: string | null;
  agent: string | null;
  model: string | null;
  prompt: string | null;
  pane: string | null;
  /** The agent's own id of it. */
  session: string | null;
  flow: string | null;
  step: string | null;
  pty: boolean;
  pid: number | null;
  created: Time | null;
  started: Time | null;
  ended: Time | null;
  exit_status: number | null;
  error: string | null;
  /** In lists and events how many. */
  tries: number | Try[];
  channels: Channel[];
  usage: Usage | null;
  limits: JobLimits;
  /** It was there already. */
  deduplicated?: true;
}

/** As in lists and events. */
export interface JobRow extends Job {
  tries: number;
}

export interface JobWhole extends Job {
  tries: Try[];
}

export interface Jobs {
  jobs: JobRow[];
  total: number;
  next_cursor: string | null;
  running?: number;
  queued?: number;
}

/** It goes on behind the time that was to be waited. */
export interface Deferred {
  deferred: true;
  job: string;
}

export interface StreamEnd {
  /** The channel's end. */
  offset: number;
}

export type FlowState =
  | 'pending'
  | 'running'
  | 'waiting'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'skipped';

export interface StepResult {
  /** A text, lines, or any JSON. */
  value?: unknown;
  exit_status?: number | null;
  session?: string;
  truncated?: true;
  approved?: boolean;
}

export interface Step {
  name: string;
  type: 'command' | 'agent' | 'approval';
  state: FlowState;
  job: string | null;
  cached: boolean;
  cached_from: string | null;
  depends_on: string[];
  started: Time | null;
  ended: Time | null;
  agent?: string;
  /** What an approval asks. */
  message?: string | null;
  error: string | null;
  /** Not in events. */
  result?: StepResult | null;
}

export interface StepWhole extends Step {
  result: StepResult | null;
}

/** A run of a flow. */
export interface Flow {
  id: string;
  name: string | null;
  state: FlowState;
  file: string | null;
  created: Time | null;
  ended: Time | null;
  error: string | null;
  usage?: Usage | null;
  /** Not in lists, as usage. */
  steps?: Step[];
}

export interface FlowWhole extends Flow {
  usage: Usage | null;
  steps: StepWhole[];
}

export interface Flows {
  flows: Flow[];
  next_cursor: string | null;
}

export interface FlowValid {
  ok: true;
}

export type Priority = 'now' | 'next' | 'later';

/** A message that waits for the agent. */
export interface Waiting {
  message: string;
  priority: Priority;
  text: string;
  truncated?: true;
}

export interface Permission {
  id: string;
  tool: string;
  input: unknown;
  /** When it counts as denied. */
  expires: Time;
  tool_use?: string;
  title?: string;
  display_name?: string;
  description?: string;
  reason?: string;
  path?: string;
  agent?: string;
  truncated?: true;
}

/** A live session. */
export interface Talk {
  job: string;
  phase: Phase;
  session: string | null;
  queue: Waiting[];
  permissions: Permission[];
  clients: number;
  seq: number;
  ended: boolean;
}

export interface Said {
  message: string;
  queued: number;
}

export interface Answered {
  permission: string;
  allow: boolean;
}

export type Nothing = Record<string, never>;

export type PermissionOutcome = 'allowed' | 'denied' | 'timed_out' | 'cancelled';

export interface TalkHead {
  seq: number;
  type: string;
  time?: Time;
  /** A text was cut. */
  truncated?: true;
}

export interface TalkSaid extends TalkHead {
  /** The sub-agent that it is of. */
  agent?: string;
}

export interface TalkPhase extends TalkHead {
  type: 'phase';
  phase: Phase;
}

export interface TalkSession extends TalkHead {
  type: 'session';
  session: string;
}

export interface TalkTurn extends TalkHead {
  type: 'turn';
}

export interface TalkQueued extends TalkHead {
  type: 'queued';
  message: string;
  priority: Priority;
  text: string;
}

export interface TalkSent extends TalkHead {
  type: 'sent';
  message: string;
  text: string;
}

export interface TalkDropped extends TalkHead {
  type: 'dropped';
  message: string;
}

export interface TalkText extends TalkSaid {
  type: 'text';
  text: string;
  message?: string;
  part: number;
}

export interface TalkThinking extends TalkSaid {
  type: 'thinking';
  text: string;
  message?: string;
  part: number;
}

export interface TalkUser extends TalkSaid {
  type: 'user';
  text: string;
  message?: string;
  part: number;
}

export interface TalkDelta extends TalkHead {
  type: 'delta';
  kind: 'text' | 'thinking';
  text: string;
}

export interface TalkTool extends TalkSaid {
  type: 'tool';
  id?: string;
  tool?: string;
  input?: unknown;
}

export interface TalkToolResult extends TalkSaid {
  type: 'tool_result';
  id?: string;
  outcome: Outcome;
  text?: string;
}

export interface TalkTurnEnd extends TalkHead {
  type: 'turn_end';
  ok: boolean;
  text?: string;
  cost_usd?: number;
  duration_ms?: number;
}

export interface TalkPermission extends TalkHead {
  type: 'permission';
  permission: Permission;
}

export interface TalkAnswered extends TalkHead {
  type: 'answered';
  id: string;
  outcome: PermissionOutcome;
  message?: string;
}

export interface TalkInterrupt extends TalkHead {
  type: 'interrupt';
}

export interface TalkModel extends TalkHead {
  type: 'model';
  model: string;
}

export interface TalkNote extends TalkHead {
  type: 'note';
  name: string;
  text?: string;
  count?: number;
}

export interface TalkEnding extends TalkHead {
  type: 'ending';
  reason: string;
}

export interface TalkEnded extends TalkHead {
  type: 'ended';
}

/** What was asked for is gone. */
export interface TalkReset {
  seq: number;
  type: 'reset';
}

/** What happens in a live session. */
export type TalkEvent =
  | TalkReset
  | TalkPhase
  | TalkSession
  | TalkTurn
  | TalkQueued
  | TalkSent
  | TalkDropped
  | TalkText
  | TalkThinking
  | TalkUser
  | TalkDelta
  | TalkTool
  | TalkToolResult
  | TalkTurnEnd
  | TalkPermission
  | TalkAnswered
  | TalkInterrupt
  | TalkModel
  | TalkNote
  | TalkEnding
  | TalkEnded;

export interface TalkEvents {
  events: TalkEvent[];
  next: number;
}

export interface Party {
  session: number | null;
  job: string | null;
  pane: string | null;
  agent: string | null;
  /** null: not known. */
  lines: Extent | null;
  time: Time;
}

/** Two have changed a file at the same time; b came last. */
export interface Collision {
  id: number;
  type: 'collision';
  kind: 'same_line' | 'adjacent_line' | 'different_area';
  path: string;
  time: Time;
  a: Party;
  b: Party;
}

export interface Collisions {
  collisions: Collision[];
}

export interface Watch {
  id: string;
  pattern: string;
  icase?: boolean;
  fixed?: boolean;
  pane?: string | null;
  /** A string is for /bin/sh -c, an array is executed as it is. */
  command?: string | string[] | null;
  url?: string | null;
  every_s?: number;
  fired: number;
  last_fired: Time | null;
  last_content: string | null;
}

export interface Watches {
  watches: Watch[];
}

export interface Token {
  id: string;
  name: string | null;
  /** The only one that it opens; null: everything. */
  pane: string | null;
  read_only: boolean;
  /** A link that nobody has opened yet. */
  once: boolean;
  created: Time | null;
  expires: Time | null;
  last_used: Time | null;
}

export interface TokenList {
  tokens: Token[];
}

export interface NewToken {
  /** Null for a link that is opened once. */
  token: string | null;
  link: string;
  id: string;
  name: string | null;
  /** The only one that it opens; null: everything. */
  pane: string | null;
  read_only: boolean;
  /** A link that nobody has opened yet. */
  once: boolean;
  created: Time | null;
  expires: Time | null;
  last_used: Time | null;
}

export interface TokenEnded {
  id: string;
}

export interface AttachHello {
  type: 'hello';
  pane: string;
  cols: number;
  rows: number;
  offset: number;
  mode: 'rw' | 'ro';
  window: number;
}

export interface AttachResize {
  type: 'resize';
  cols: number;
  rows: number;
}

export interface AttachTitle {
  type: 'title';
  title: string;
}

export interface AttachBell {
  type: 'bell';
}

export interface AttachViewers {
  type: 'viewers';
  count: number;
}

export interface AttachExit {
  type: 'exit';
  status: number | null;
}

export interface AttachError {
  type: 'error';
  error: string;
  message: string;
}

export interface AttachPong {
  type: 'pong';
}

export type ServerControl =
  | AttachHello
  | AttachResize
  | AttachTitle
  | AttachBell
  | AttachViewers
  | AttachExit
  | AttachError
  | AttachPong;

export interface ClientResize {
  type: 'resize';
  cols: number;
  rows: number;
}

export interface ClientAck {
  type: 'ack';
  offset: number;
}

export interface ClientSnapshot {
  type: 'snapshot';
  lines?: number;
}

export interface ClientPing {
  type: 'ping';
}

export type ClientControl = ClientResize | ClientAck | ClientSnapshot | ClientPing;

export interface Subscribe {
  type: 'subscribe';
  topics: string[];
  after?: number;
}

export interface TtyToken {
  /** What the first message of a client of ttyd is to bring; may be empty. */
  token: string;
}

/** Of the terminal of a client of ttyd. */
export type TtyPreferences = Record<string, unknown>;

/** The first message of a client of ttyd; the two without a token are its size later on. */
export interface TtyHello {
  AuthToken?: string | null;
  columns?: number | null;
  rows?: number | null;
}

/** A session as events tell it. */
export interface LiveSession {
  id: number;
  agent: string;
  agent_session: string;
  title: string | null;
  project: string | null;
  pane: string | null;
  state: SessionState | null;
  phase: Phase;
  /** A sub-agent of another. */
  sub: boolean;
  since: Time | null;
  started: Time | null;
  updated: Time | null;
}

/** The end of what a channel has. */
export interface Tail {
  channel: number;
  offset: number;
  text?: string;
  /** In place of text, of what is not UTF-8. */
  base64?: string;
}

/** What was missed is not to be had: the state of each topic follows. */
export interface EventReset {
  seq: number;
  type: 'reset';
}

export interface EventError {
  seq: number;
  type: 'error';
  message: string;
}

export interface PanesState {
  seq: number;
  topic: 'panes';
  type: 'state';
  panes: Pane[];
}

export interface PaneStarted {
  seq: number;
  topic: 'panes';
  type: 'started';
  pane: Pane;
}

export interface PaneExited {
  seq: number;
  topic: 'panes';
  type: 'exited';
  pane: Pane;
}

export interface PaneRemoved {
  seq: number;
  topic: 'panes';
  type: 'removed';
  id: string;
}

export interface PaneAgentChanged {
  seq: number;
  topic: 'panes';
  type: 'agent';
  id: string;
  agent: PaneAgent | null;
}

export interface WatchesState {
  seq: number;
  topic: 'watches';
  type: 'state';
  watches: Watch[];
}

export interface WatchCreated {
  seq: number;
  topic: 'watches';
  type: 'created';
  watch: Watch;
}

export interface WatchRemoved {
  seq: number;
  topic: 'watches';
  type: 'removed';
  watch: Watch;
}

export interface WatchFired {
  seq: number;
  topic: 'watches';
  type: 'fired';
  /** Its id. */
  watch: string;
  match: Sighting;
  /** How many were not told since the last one. */
  suppressed: number;
}

export interface SessionsState {
  seq: number;
  topic: 'sessions';
  type: 'state';
  sessions: LiveSession[];
}

export interface SessionChanged {
  seq: number;
  topic: 'sessions';
  type: 'session';
  session: LiveSession;
}

/** The present state of one session. */
export interface SessionTold {
  seq: number;
  topic: string;
  type: 'state';
  session: LiveSession | null;
  n?: number;
  messages?: Message[];
  traces?: Tool[];
  /** Older ones were left out. */
  truncated?: boolean;
  /** Why it is not known. */
  message?: string;
}

export interface DeltaHead {
  seq: number;
  topic: string;
  type: 'delta';
  session: number;
  n: number;
  channel: string;
  time: Time | null;
  /** The text was cut. */
  truncated?: true;
}

export interface DeltaText extends DeltaHead {
  channel: 'text';
  message: string | null;
  append?: true;
  part?: number;
  role: Role | null;
  hidden?: true;
  text?: string | null;
}

export interface DeltaToolCall extends DeltaHead {
  channel: 'tool_call';
  call: string | null;
  message: string | null;
  tool: string | null;
  text: string | null;
}

export interface DeltaToolResult extends DeltaHead {
  channel: 'tool_result';
  call: string | null;
  outcome: Outcome | null;
  text: string | null;
}

export interface DeltaStatus extends DeltaHead {
  channel: 'status';
  state: SessionState | null;
  phase: Phase | null;
  name?: string;
  text?: string | null;
}

export interface DeltaError extends DeltaHead {
  channel: 'error';
  name: string;
  outcome: Outcome | null;
  text: string | null;
}

export type SessionDelta = DeltaText | DeltaToolCall | DeltaToolResult | DeltaStatus | DeltaError;

export interface JobsState {
  seq: number;
  topic: 'jobs';
  type: 'state';
  jobs: JobRow[];
  running: number;
  queued: number;
}

/** Also for who has subscribed to job:ID alone. */
export interface JobChanged {
  seq: number;
  topic: 'jobs';
  type: 'job';
  job: JobRow;
}

/** Of a live session. */
export interface JobPhase {
  seq: number;
  topic: 'jobs';
  type: 'phase';
  id: string;
  phase: Phase;
}

/** The present state of one job. */
export interface JobTold {
  seq: number;
  topic: string;
  type: 'state';
  job: JobRow | null;
  channels: Tail[];
}

export interface JobOutput extends Tail {
  seq: number;
  topic: string;
  type: 'output';
}

export interface McpError {
  /** As JSON-RPC has them, below 0. */
  code: number;
  message: string;
  data?: Record<string, unknown>;
}

/** Of the Model Context Protocol: it has result or error. */
export interface McpAnswer {
  jsonrpc: string;
  id: string | number | null;
  result?: Record<string, unknown>;
  error?: McpError;
}

/** Those to a batch. */
export type McpAnswers = McpAnswer[];

export interface JobTalk {
  seq: number;
  topic: string;
  type: 'talk';
  event: TalkEvent;
}

export interface FlowsState {
  seq: number;
  topic: 'flows';
  type: 'state';
}

export interface FlowChanged {
  seq: number;
  topic: 'flows';
  type: 'flow';
  flow: Flow;
}

export interface CollisionsState {
  seq: number;
  topic: 'collisions';
  type: 'state';
  collisions: Collision[];
}

export interface CollisionTold extends Collision {
  seq: number;
  topic: 'collisions';
}

/** A message of /ws/events. */
export type EventMessage =
  | EventReset
  | EventError
  | PanesState
  | PaneStarted
  | PaneExited
  | PaneRemoved
  | PaneAgentChanged
  | WatchesState
  | WatchCreated
  | WatchRemoved
  | WatchFired
  | SessionsState
  | SessionChanged
  | SessionTold
  | SessionDelta
  | JobsState
  | JobChanged
  | JobPhase
  | JobTold
  | JobOutput
  | JobTalk
  | FlowsState
  | FlowChanged
  | CollisionsState
  | CollisionTold;
