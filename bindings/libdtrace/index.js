/* SPDX-License-Identifier: BSD-2-Clause */
module.exports = require('usdt-consumer/libdtrace');
