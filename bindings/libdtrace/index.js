module.exports = require('usdt-consumer/libdtrace');
