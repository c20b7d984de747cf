// Runs before the page is painted for the first time, so that it never flashes in the colours
// that the person did not choose. A script of its own, as small as can be: it holds up the page.

import { paintScheme } from './parts/scheme';
import { SETTINGS_KEY, stored } from './state/stored';

const read = stored(SETTINGS_KEY);
paintScheme(read && typeof read === 'object' && 'scheme' in read ? read.scheme : null);
