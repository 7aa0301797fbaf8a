module.exports = require('usdt-consumer/dtrace-async');
