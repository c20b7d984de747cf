// Keys that views handle themselves, for the help.

export interface Shortcut {
  group: string;
  title: string;
  keys: string[];
}

export const SHORTCUTS: Shortcut[] = [
  { group: 'Terminal', title: 'Copy the selection', keys: ['Ctrl+Shift+C'] },
  { group: 'Terminal', title: 'Paste', keys: ['Ctrl+Shift+V'] },
  { group: 'Terminal', title: 'Send Ctrl+K to it', keys: ['Ctrl+K', 'Ctrl+K'] },
  { group: 'Search', title: 'Choose a line', keys: ['ArrowUp', 'ArrowDown'] },
  { group: 'Search', title: 'Show its place', keys: ['Enter'] },
  { group: 'Search', title: 'Regular expression or plain text', keys: ['Alt+R'] },
  { group: 'Search', title: 'Whole words', keys: ['Alt+W'] },
  { group: 'History', title: 'Back to the live terminal', keys: ['Escape'] },
  { group: 'Lists', title: 'Choose', keys: ['ArrowUp', 'ArrowDown'] },
  { group: 'Lists', title: 'Open', keys: ['Enter'] },
  { group: 'Lists', title: 'Filter', keys: ['Slash'] },
  { group: 'Lists', title: 'Back', keys: ['Escape'] },
  { group: 'Sessions', title: 'First message', keys: ['Home'] },
  { group: 'Sessions', title: 'Last message, and follow', keys: ['End'] },
  { group: 'Sessions', title: 'Back to the list', keys: ['Escape'] },
  { group: 'Live sessions', title: 'Send the message', keys: ['Enter'] },
  { group: 'Live sessions', title: 'New line', keys: ['Shift+Enter'] },
  { group: 'Dividers', title: 'Move', keys: ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'] },
  { group: 'Dividers', title: 'Halve', keys: ['Enter'] },
];
