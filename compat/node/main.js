'use strict';

require('./operations.js');
require('./watches.js');
require('./sessions.js');
