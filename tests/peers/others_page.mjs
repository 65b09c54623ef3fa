// The page that a tab shows: npm's tus-js-client and @uppy/tus, as an application bundles them.
import Tus from '@uppy/tus';
import Uppy from '@uppy/core';
import { Upload } from 'tus-js-client';

// What breaks is tried again soon, and often enough for every cut that a test makes.
const retryDelays = Array.from({ length: 60 }, () => 20);

/** Each uploads a file, and tells where it is. */
window.clients = {
  async uppy(file, options) {
    const uppy = new Uppy();
    uppy.use(Tus, { retryDelays, ...options });
    uppy.addFile({ name: file.name, type: file.type, data: file });
    const { successful, failed } = await uppy.upload();
    uppy.destroy();
    if (failed.length > 0) throw new Error(failed[0].error);
    return successful[0].uploadURL;
  },

  tusJs(file, options) {
    return new Promise((resolve, reject) => {
      const upload = new Upload(file, {
        retryDelays,
        metadata: { filename: file.name, filetype: file.type },
        onError: reject,
        onSuccess: () => resolve(upload.url),
        ...options,
      });
      upload.start();
    });
  },
};
